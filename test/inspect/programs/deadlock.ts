/** A program that prepares nothing, and hangs. Its argument says how its event loop does. */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { Worker } from "node:worker_threads"
import { Semaphore } from "sluice"

const [, , mode] = process.argv

let first: Semaphore.Semaphore | undefined = Semaphore.makeUnsafe(1, { name: "first" })
const a = Semaphore.makeUnsafe(1, { name: "a" })
const b = Semaphore.makeUnsafe(1, { name: "b" })

const move = Effect.fn("move")(function*(from: Semaphore.Semaphore, to: Semaphore.Semaphore) {
  yield* Semaphore.withPermit(
    from,
    Effect.gen(function*() {
      yield* Effect.yieldNow
      yield* Semaphore.withPermit(to, Effect.void)
    })
  )
})

const compute = (): void => {
  for (let i = 0;; i++) Math.imul(i, i)
}

// A look at the heap calls none of these.
const touched = () => {
  console.log("touched")
  return undefined
}
const traps = { get: touched, getOwnPropertyDescriptor: touched, getPrototypeOf: touched, has: touched }
// Without a constraint on its result, a trap's type is that of what it returns.
const proxied = <A extends object>(target: A): A => new Proxy(target, traps as unknown as ProxyHandler<A>)
class Getter {
  get "~sluice/inspect/View"(): undefined {
    return touched()
  }
}
const Odd = function(this: unknown) {
  return this
}
Odd.prototype = proxied({})
const kept = [
  Odd,
  proxied({}),
  proxied(() => undefined),
  Object.create(proxied({})) as object,
  new Getter(),
  {
    get "~sluice/inspect/View"() {
      return touched()
    }
  }
]

Effect.runFork(Effect.all([move(a, b), move(b, a)], { concurrency: "unbounded", discard: true }))

const threads = mode === "threads"
  ? ["function grind() { for (;;) Math.random() }; setTimeout(grind, 1)", "setInterval(() => {}, 1000)"].map((code) =>
    new Worker(code, { eval: true })
  )
  : []

setTimeout(() => {
  console.log("ready")
  if (mode === "blocked") compute()
  if (mode === "native") execFileSync("sleep", ["60"])
}, 100)
// Keeps all of them from being collected.
setInterval(() => [first, a, b, kept, threads].length, 60_000)

process.on("SIGUSR2", () => {
  first = undefined
  console.log("dropped")
})
