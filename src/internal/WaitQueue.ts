import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as stack from "./stack.js"

/**
 * Keeps a queue's books: whether there is room, which the queue itself does not know.
 *
 * - `take(weight)` reserves `weight` and answers true, or changes nothing and answers false.
 * - `giveBack(weight)` returns the reservation of a waiter that cannot use it any more, 0 for one that had none yet, and
 *   calls `flush`, since others may fit now.
 */
export interface Owner {
  take(weight: number): boolean
  giveBack(weight: number): void
}

/**
 * A first-in, first-out queue of suspended fibers: the queue decides who is next, its owner whether there is room.
 *
 * A waiter moves through these states, and through no others:
 *
 *     waiting ──flush──▶ granted ──its fiber goes on──▶ the reservation is its fiber's
 *        │                  └──────its fiber is interrupted before it could go on──▶ gone: giveBack(weight)
 *        ├──settle──▶ settled    resumed with an exit of the owner's choice, holding no reservation
 *        └──its fiber is interrupted──▶ gone: giveBack(0)
 *
 * Granting reserves *before* it resumes: a fiber may yield on its way out of the suspension and be interrupted there,
 * and then its exit handler, already installed, finds a reservation to return.
 *
 * Who runs whom inline: `flush` and `settle` resume fibers, which run on the caller's stack and may do anything there,
 * such as take, give back, interrupt another waiter, or settle this very queue. So both only mark and unlink, and leave
 * all resuming to one loop. A call from within the loop returns at once, and the loop below it sees what it changed.
 *
 * Every operation is O(1), apart from `settle` and `transfer`, which look at each waiter once.
 */
export class WaitQueue<E = never> {
  private readonly waiting = new List<Waiter<E>>()
  private readonly settled = new List<Waiter<E>>()
  private loop: "idle" | "postponed" | "running" = "idle"

  constructor(private readonly owner: Owner) {}

  /** How many wait: neither granted, nor settled, nor gone. */
  get size(): number {
    return this.waiting.size
  }

  /**
   * Joins the queue at once and returns the effect that waits in it, then goes on with `use`. Call it in an
   * uninterruptible region and return what it returns: only the wait itself goes through `restore`, which makes it
   * interruptible, and may translate its error.
   */
  wait<A, E2, R, E3>(
    weight: number,
    restore: (wait: Effect.Effect<void, E>) => Effect.Effect<void, E3>,
    use: () => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E2 | E3, R> {
    const waiter = new Waiter(this, weight)
    this.waiting.push(waiter)
    const suspended = Effect.onExitPrimitive(
      restore(Effect.callback<void, E>((resume) => waiter.suspend(resume))),
      (exit) => {
        if (Exit.isFailure(exit)) waiter.queue.leave(waiter)
        return undefined
      },
      true
    )
    return Effect.flatMap(suspended, use)
  }

  /** Grants from the front while there is room. The first that does not fit holds up all behind it: strict FIFO. */
  flush(): void {
    if (this.loop !== "idle" || (this.waiting.size === 0 && this.settled.size === 0)) return
    if (stack.enter()) return this.wake()
    this.loop = "postponed"
    stack.postpone(() => {
      this.loop = "idle"
      this.flush()
    })
  }

  /** Ends, in order, the wait of those for whom `decide` has an exit. They hold no reservation. */
  settle(decide: (weight: number) => Exit.Exit<void, E> | undefined): void {
    for (let waiter = this.waiting.head, next; waiter !== undefined; waiter = next) {
      next = waiter.next
      const exit = decide(waiter.weight)
      if (exit === undefined) continue
      this.waiting.remove(waiter)
      waiter.state = "settled"
      waiter.exit = exit
      this.settled.push(waiter)
    }
    this.flush()
  }

  /** Moves the place that `fiber` holds in this queue, if it holds one, to the end of another queue. */
  transfer(fiber: Fiber.Fiber<unknown, unknown>, to: WaitQueue<E>): void {
    for (let waiter = this.waiting.head; waiter !== undefined; waiter = waiter.next) {
      if (waiter.fiber !== fiber) continue
      this.waiting.remove(waiter)
      waiter.queue = to
      return to.waiting.push(waiter)
    }
  }

  private wake(): void {
    this.loop = "running"
    try {
      for (let waiter = this.next(); waiter !== undefined; waiter = this.next()) waiter.wake()
    } finally {
      this.loop = "idle"
      stack.leave()
    }
  }

  private next(): Waiter<E> | undefined {
    if (this.settled.head !== undefined) return this.settled.remove(this.settled.head)
    const waiter = this.waiting.head
    if (waiter === undefined || !this.owner.take(waiter.weight)) return undefined
    waiter.state = "granted"
    return this.waiting.remove(waiter)
  }

  private leave(waiter: Waiter<E>): void {
    const state = waiter.state
    if (state === "settled") return
    waiter.state = "gone"
    if (state === "waiting") this.waiting.remove(waiter)
    this.owner.giveBack(state === "granted" ? waiter.weight : 0)
  }
}

class Waiter<E> {
  readonly fiber = Fiber.getCurrent()
  state: "waiting" | "granted" | "settled" | "gone" = "waiting"
  exit: Exit.Exit<void, E> = Exit.void
  prev: Waiter<E> | undefined = undefined
  next: Waiter<E> | undefined = undefined
  private resume: ((exit: Exit.Exit<void, E>) => void) | undefined = undefined

  constructor(public queue: WaitQueue<E>, readonly weight: number) {}

  /** The fiber suspends, unless it was granted or settled on its way here: it may have yielded after it joined. */
  suspend(resume: (exit: Exit.Exit<void, E>) => void): void {
    if (this.state === "waiting") {
      this.resume = resume
    } else {
      resume(this.exit)
    }
  }

  wake(): void {
    this.resume?.(this.exit)
  }
}

/** Doubly linked through its nodes, so that one in the middle leaves in O(1). */
class List<Node extends { prev: Node | undefined; next: Node | undefined }> {
  head: Node | undefined = undefined
  private tail: Node | undefined = undefined
  size = 0

  push(node: Node): void {
    node.prev = this.tail
    node.next = undefined
    if (this.tail === undefined) this.head = node
    else this.tail.next = node
    this.tail = node
    this.size++
  }

  remove(node: Node): Node {
    if (node.prev === undefined) this.head = node.next
    else node.prev.next = node.next
    if (node.next === undefined) this.tail = node.prev
    else node.next.prev = node.prev
    node.prev = undefined
    node.next = undefined
    this.size--
    return node
  }
}
