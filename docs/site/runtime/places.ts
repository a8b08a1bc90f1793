/**
 * Source lines without an inspector. The page compiles a program anyway, so it writes the places in: each function is
 * registered with its place, and each `yield*` notes its place for the generator that is running.
 */
import type { Source } from "sluice/testing"
import { insert, type Insertion, parse } from "./syntax.ts"

/** A place in the program's text, as offsets. */
interface Place {
  readonly from: number
  readonly to: number
}

/** A generator that a program has made, and the place where it is. */
interface Running {
  place: number
}

/** The names that an instrumented program is given. They may not be those of a program. */
const register = "sluice__at"
const note = "sluice__yield"

type AnyFunction = (this: unknown, ...args: ReadonlyArray<unknown>) => unknown
type AnyGenerator = Iterator<unknown, unknown, unknown> & Required<Iterator<unknown>>

const GeneratorFunction = (function*() {
  yield
}).constructor as new() => AnyFunction

export class Places {
  /** The program with its places written in. */
  readonly text: string
  private readonly places: Array<Place> = []
  private readonly functions = new WeakMap<object, number>()
  private readonly generators = new WeakMap<object, Running>()
  private running: Running | undefined

  constructor(private readonly code: string) {
    const insertions: Array<Insertion> = []
    const wrap = (open: string, from: number, to: number) =>
      insertions.push({ at: from, text: open }, { at: to, text: ")" })
    parse(code).iterate({
      enter: ({ from, name, node, to }) => {
        if (name === "ArrowFunction" || name === "FunctionExpression") {
          wrap(`${register}(${this.add(from, to)}, `, from, to)
        }
        const operand = node.lastChild
        if (name === "YieldExpression" && operand !== null && node.getChild("Star") !== null) {
          // Inner ends come before outer ones: the end is inserted when the node is left.
          wrap(`(${note}(${this.add(from, to)}), `, operand.from, operand.to)
        }
      }
    })
    // At one offset, ends of inner nodes, which are pushed later, go first, and beginnings of outer nodes.
    const ends = insertions.filter(({ text }) => text === ")")
    const begins = insertions.filter(({ text }) => text !== ")")
    this.text = insert(code, [...ends, ...begins])
  }

  private add(from: number, to: number): number {
    return this.places.push({ from, to }) - 1
  }

  /** The functions that the text needs in its scope. */
  readonly given: Readonly<Record<string, unknown>> = {
    [register]: (place: number, f: AnyFunction): AnyFunction => {
      const registered = f instanceof GeneratorFunction ? this.generating(place, f) : f
      this.functions.set(registered, place)
      return registered
    },
    [note]: (place: number): void => {
      if (this.running !== undefined) this.running.place = place
    }
  }

  /** A function as this one, whose generators are known. While a generator runs, its notes are its own. */
  private generating(place: number, f: AnyFunction): AnyFunction {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the function has a `this` of its own
    const places = this
    return function(...args: Array<unknown>) {
      const generator = f.apply(this, args) as AnyGenerator
      const running: Running = { place }
      places.generators.set(generator, running)
      const within = <A>(step: () => A): A => {
        const before = places.running
        places.running = running
        try {
          return step()
        } finally {
          places.running = before
        }
      }
      const next = generator.next.bind(generator)
      const end = generator.return.bind(generator)
      const fail = generator.throw.bind(generator)
      generator.next = (value) => within(() => next(value))
      generator.return = (value) => within(() => end(value))
      generator.throw = (error) => within(() => fail(error))
      return generator
    }
  }

  readonly locate = (subject: object): Source | undefined => {
    const index = this.generators.get(subject)?.place ?? this.functions.get(subject)
    const place = index === undefined ? undefined : this.places[index]
    if (place === undefined) return undefined
    const before = this.code.slice(0, place.from).split("\n")
    const line = before.length
    const column = (before.at(-1)?.length ?? 0) + 1
    return { file: "main.ts", line, column, text: this.code.split("\n")[line - 1]?.trim() }
  }

  /** The text of a function in the program. */
  textOf(f: object): string | undefined {
    const index = this.functions.get(f)
    const place = index === undefined ? undefined : this.places[index]
    return place === undefined ? undefined : this.code.slice(place.from, place.to)
  }
}
