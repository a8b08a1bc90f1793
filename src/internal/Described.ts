import { format } from "effect/Formatter"
import { type Inspectable, NodeInspectSymbol } from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"

/** The base of all instances: they can be piped, and show themselves in a log or a debugger. */
export abstract class Described extends Pipeable.Class implements Inspectable {
  abstract toJSON(): unknown

  override toString(): string {
    return format(this.toJSON())
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}
