/** Lines of a suspended fiber: where it stands, and where it took a hold. Imports nothing of Effect, as `collect`. */
import type { Source } from "../../source/Source.js"
import type { AnyFiber } from "../stack.js"
import type { Node } from "../view.js"
import { type Captured, framesOf, isFiber } from "./runtime.js"
import { cut } from "./shown.js"

export interface LinesOptions {
  /** The line of a function or a generator of the user's. Undefined for those of sluice and Effect. */
  readonly locate: (subject: object) => Source | undefined
  readonly captured: Captured
  /** The fiber that asks: it is at no line. */
  readonly current: AnyFiber | undefined
}

/** The lines of one moment. */
export class Lines {
  private readonly stacks = new Map<AnyFiber, ReadonlyArray<Source>>()

  constructor(private readonly options: LinesOptions) {}

  stackOf(fiber: AnyFiber): ReadonlyArray<Source> {
    let stack = this.stacks.get(fiber)
    if (stack === undefined) {
      stack = fiber === this.options.current ? [] : this.linesOf(framesOf(fiber).map(({ subjects }) => subjects))
      this.stacks.set(fiber, stack)
    }
    return stack
  }

  /** Lines of the user's, one after the other, and none twice in a row. */
  private linesOf(frames: ReadonlyArray<ReadonlyArray<object>>): ReadonlyArray<Source> {
    const lines: Array<Source> = []
    for (const subjects of frames) {
      const source = this.lineOf(subjects)
      const last = lines.at(-1)
      if (source === undefined || (last?.file === source.file && last.line === source.line)) continue
      lines.push(source)
    }
    return lines
  }

  private lineOf(subjects: ReadonlyArray<object>): Source | undefined {
    for (const subject of subjects) {
      const source = this.options.locate(subject)
      if (source !== undefined) return source.text === undefined ? source : { ...source, text: cut(source.text, 200) }
    }
    return undefined
  }

  /**
   * The line that took a hold. The exit handler that gives it back is on the holder's stack, and refers to the hold:
   * the first line of the user's below it is the line. Of a child or a job it is the outermost line.
   */
  takenAt(node: Node, key: object): Source | undefined {
    if (!isFiber(node) || node === this.options.current) return undefined
    const frames = framesOf(node)
    const at = frames.findIndex(({ onExit }) => onExit !== undefined && this.refersTo(onExit, key))
    if (at >= 0) return this.linesOf(frames.slice(at).map(({ subjects }) => subjects))[0]
    return this.stackOf(node).at(-1)
  }

  private refersTo(onExit: object, key: object): boolean {
    // The handlers that return permits call `leave`: the others need not be read.
    if (!Function.prototype.toString.call(onExit).includes(".leave(")) return false
    const { captured } = this.options
    const variables = captured(onExit)
    return variables.includes(key) ||
      variables.some((variable) => typeof variable === "function" && captured(variable).includes(key))
  }
}
