/** Traces written by hand, and a reader of their pictures. */
import * as assert from "node:assert/strict"
import { toSvg } from "../../src/testing/svg/toSvg.js"
import type { Event, Source, Trace, TracedFiber } from "../../src/testing/Trace.js"

/** Writes a trace by hand, as the kit would record it. */
export class Script implements Trace {
  readonly fibers: Array<TracedFiber> = []
  readonly events: Array<Event> = []
  private readonly done: Array<number> = []
  private at = 0

  fiber(name: string, actor = true): number {
    this.done.push(0)
    return this.fibers.push({ name, actor }) - 1
  }

  push(kind: Event["kind"], fiber?: number, detail = "", more: { by?: number; source?: Source } = {}): this {
    this.events.push({ kind, fiber, at: this.at, operation: this.done[fiber ?? -1] ?? 0, detail, ...more })
    return this
  }

  run(fiber: number, operations: number, source?: Source): this {
    for (let i = 0; i < operations; i++) {
      this.push("operation", fiber, "Sync", source ? { source } : {})
      this.at += 1
      this.done[fiber] = (this.done[fiber] ?? 0) + 1
    }
    return this
  }
}

export const source = (file: string, line: number, text: string): Source => ({
  file: `/home/ada/src/${file}`,
  line,
  column: 5,
  text
})

/** A waiter is interrupted between its wake-up and its resumption, and the permit it was given is lost. */
export const lostPermit = (): Trace => {
  const s = new Script()
  const [main, a, b, c] = [s.fiber("main", false), s.fiber("a"), s.fiber("b"), s.fiber("canceller")]
  s.fiber("never ran")
  const wait = source("semaphore.ts", 58, "yield* Deferred.await(waiter.deferred)")
  const use = source("cache.ts", 12, "yield* Ref.set(cache, value)")
  s.push("start", main).run(main, 6).push("suspend", main, "Async", {
    source: source("cache.test.ts", 24, "yield* t.settled")
  })
  s.push("start", a).run(a, 7, use).push("preempt", a, "Sync", { source: use })
  s.push("start", b).run(b, 5).push("suspend", b, "Async", { source: wait })
  s.push("resume", a).run(a, 8, use).push("end", a, "success")
  s.push("start", c).run(c, 3).push("interrupt", b, "", { by: c })
  s.push("resume", b, "", { by: c }).run(b, 6).push("end", b, "interrupted")
  s.run(c, 2).push("end", c, "Failure(Cause([Die(oh)]))").push("timer", undefined, "1000")
  const d = s.fiber("#5", false)
  s.push("start", d).run(d, 2).push("suspend", d, "Async", { source: wait })
  return s.push("resume", main).run(main, 3).push("choice", main, "retry: 2").run(main, 4)
    .push("failure", main, "the permit is back", { source: source("cache.test.ts", 26, "yield* t.expect(...)") })
}

/** Fibers that take turns of a few operations each, many of them. */
export const turns = (events: number): Trace => {
  const s = new Script()
  const fibers = Array.from({ length: 6 }, (_, i) => s.fiber(`worker-${i}`))
  const loop = source("pool.ts", 88, "const job = yield* Queue.take(jobs)")
  for (let i = 0; s.events.length < events; i++) {
    const fiber = fibers[i * i % fibers.length]!
    s.push("resume", fiber).run(fiber, 1 + i * 7 % 12, loop)
    s.push(i % 3 === 0 ? "preempt" : "suspend", fiber, "", { source: loop })
    if (i % 10 === 0) s.push("timer", undefined, String(i * 10))
    if (i === 10) s.push("interrupt", fibers[3], "", { by: fiber })
  }
  return s.push("failure", undefined, "deadlock")
}

export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Array<Element>
  /** Its own text and its children's, decoded. */
  text: string
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: "\"", "#39": "'" }

const decode = (text: string): string =>
  text.replace(/&([^;]*);/gu, (_, name: string) => {
    assert.ok(name in entities, `unknown entity ${name}`)
    return entities[name]!
  })

/** A strict reader of as much XML as is needed here: throws for anything else. */
export const parse = (xml: string): Element => {
  assert.match(xml, /^[\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u, "a character that XML cannot hold")
  const root: Element = { name: "", attributes: {}, children: [], text: "" }
  const open = [root]
  let at = 0
  for (const match of xml.matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z:]+="[^"<]*")*)(\/?)>|[^<]+/gu)) {
    assert.equal(match.index, at, `not XML: ${xml.slice(at, at + 80)}`)
    const [all, close, name, attributes, empty] = match
    at += all.length
    if (name === undefined) {
      assert.ok(!/&(?![a-z#0-9]+;)|\]\]>/u.test(all), `not text: ${all}`)
      for (const element of open) element.text += decode(all)
    } else if (close === "/") assert.equal(open.pop()?.name, name)
    else {
      const pairs = [...attributes!.matchAll(/ ([a-zA-Z:]+)="([^"]*)"/gu)].map((pair) =>
        [pair[1]!, decode(pair[2]!)] as const
      )
      assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, "an attribute twice")
      const element: Element = { name, attributes: Object.fromEntries(pairs), children: [], text: "" }
      open.at(-1)!.children.push(element)
      if (empty !== "/") open.push(element)
    }
  }
  assert.equal(at, xml.length)
  assert.equal(open.length, 1)
  assert.equal(root.children.length, 1)
  return root.children[0]!
}

export const all = (element: Element): ReadonlyArray<Element> => [element, ...element.children.flatMap(all)]

export const read = (trace: Trace, options: Parameters<typeof toSvg>[1] = { title: "A run" }) => {
  const svg = toSvg(trace, options)
  const root = parse(svg)
  const elements = all(root)
  return {
    svg,
    root,
    elements,
    texts: elements.filter(({ name }) => name === "text"),
    tips: elements.filter(({ name }) => name === "title").map(({ text }) => text),
    width: Number(root.attributes["width"])
  }
}

/** What is written in the picture itself, line by line, without the tooltips. */
export const written = (trace: Trace): ReadonlyArray<string> => read(trace).texts.map(({ text }) => text)
