import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import type { Invariant } from "effect/Types"
import { Callers } from "../Callers.js"
import { type Annotations, cancellation, interruptAlong, interruptedBy, type Why } from "../cancellation.js"
import { Described } from "../Described.js"
import { Drain } from "../Drain.js"
import { Forks } from "../Forks.js"
import { List } from "../List.js"
import type { Observe, Observers } from "../Observers.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import { type Detail, type Line, type Taking, type View, type Viewable, ViewTypeId, type Wait, watch } from "../view.js"
import { defectsOf, isInterruption } from "./causes.js"
import { GroupClosed, GroupDeadlock } from "./errors.js"
import { type Group, type Stats, TypeId } from "./model.js"
import { ParkingLot, type Purpose, type Restore } from "./ParkingLot.js"
import { Pending, type Waiting } from "./Pending.js"
import type { Series } from "./Series.js"

/**
 * The group's books. `state` only ever moves to the right:
 *
 *     open ──a child fails, unless onFailure is "continue"──▶ failed ──▶ closed
 *        └──cancel, finish, or the scope closes──────────────────────────▶ closed
 *
 * A child takes a place as it starts, and gives it back as it has ended. `active` counts the places. A `go` that finds
 * none is `pending`; the group starts the child that it brought as it hands it a place (G8).
 *
 * Starting a child runs it inline, interrupting one does, and so does letting a pending `go` or a `wait` go on. Any of
 * them may come back into the group. So every method changes the books first, and runs fibers last.
 */
export class FiberGroup<in out E> extends Described implements Group<E>, Viewable {
  readonly [TypeId]: { readonly _E: Invariant<E> } = { _E: identity }
  readonly failures: Array<Cause.Cause<E>> = []
  /** The failure that cancelled the group, exactly as it was (G1). */
  fatal: Exit.Exit<never, E> | undefined = undefined
  /** The value that `finish` has ended the group with. */
  finished: Exit.Success<unknown> | undefined = undefined

  private state: "open" | "failed" | "closed" = "open"
  private active = 0
  /** How many free places are kept from pending calls, until a later turn. */
  private cooling = 0
  private started = 0
  private succeeded = 0
  private failed = 0
  private interrupted = 0
  private readonly observers: Observers | undefined

  private readonly forks = new Forks((context) => Context.add(context, Membership, this))
  /** The children that have not ended. Each is forgotten as it ends (G6). */
  private readonly children = new List<Child>()
  /** Their fibers, once one of them has asked for its place among them: to keep a set costs as much as to fork. */
  private fibers: Set<AnyFiber> | undefined = undefined
  /** The body of `scoped`: it is interrupted as the children are, and takes no place. */
  private body: AnyFiber | undefined = undefined
  /** Whether a child may end the group as it succeeds. */
  isRace = false
  /** In whose names the group has interrupted its children. */
  private interrupters: Set<number | undefined> | undefined = undefined
  /** The annotations of the first cancellation of the group, if somebody watched then. */
  private cancelled: Annotations | undefined = undefined

  /** The calls that wait for a place. */
  private readonly pending = new List<Waiting<E>>()
  private readonly admission = new Drain({
    first: () => this.hasPlaceToGive ? this.pending.head?.parent : undefined,
    serve: (most) => this.admitSome(most)
  })
  /** The calls whose children have been started. */
  private readonly admitted = new Callers<Waiting<E>>((call) => {
    call.goOn()
  })
  /** The fibers outside of the group that wait for the children. */
  private readonly outside = new ParkingLot()
  /** The children that wait: no child waits for itself, and nobody waits for a child that waits for the end. */
  private readonly inside = { work: new ParkingLot(), end: new ParkingLot() }
  /** The fiber that runs `scoped`: it waits for the body as well. */
  private readonly owner = new ParkingLot()

  constructor(
    private limit: number,
    private readonly onFailure: "cancel" | "continue",
    readonly name: string | undefined,
    /** The group is the current one of its body, rather than a value that is passed around. */
    private readonly isCurrent: boolean,
    observe?: Observe
  ) {
    super()
    this.observers = observe?.(this)
    watch?.appeared(this)
  }

  /** G5. In a group that is not open there is no place, whatever its limit (G3). */
  private get hasPlace(): boolean {
    return this.active < this.limit && this.state === "open"
  }

  /** Whether a pending call may have a place now (G8). */
  private get hasPlaceToGive(): boolean {
    return this.hasPlace && this.active + this.cooling < this.limit
  }

  /**
   * G3: the end of a `go` when the group is not open. In the current group it interrupts its caller, who belongs to the
   * group and has been interrupted with it: `scoped` fails as the child did.
   */
  refusal(): Exit.Exit<never, E> | undefined {
    if (this.state === "open") return undefined
    if (this.isCurrent && this.isEnding) return interruptedBy(this.interrupters?.values().next().value, this.cancelled)
    return this.state === "failed" ? this.fatal : Exit.die(new GroupClosed({ group: this.name }))
  }

  /** Whether its body or a child is left. */
  private get isEnding(): boolean {
    return this.body !== undefined || this.active > 0
  }

  /** The exit of `wait`: the first failure, if there is one. */
  get result(): Exit.Exit<void, E> {
    const first = this.failures[0]
    return first === undefined ? Exit.void : Exit.failCause(first)
  }

  /** Starts a child, or returns why it cannot be started; undefined when it has to wait for a place. */
  tryStart<A, XE extends E, R, B>(
    parent: AnyFiber,
    effect: Effect.Effect<A, XE, R>,
    answer: (child: Fiber.Fiber<A, XE>) => Effect.Effect<B>
  ): Effect.Effect<B, E> | undefined {
    const refusal = this.refusal()
    if (refusal !== undefined) return refusal
    // First come, first served: no new `go` overtakes a pending one.
    if (this.pending.size > 0 || !this.hasPlace) return undefined
    return answer(this.startChild(parent, effect))
  }

  /**
   * As `tryStart`, but waits for a place. The child starts as it gets one, its caller goes on at the latest a turn
   * later.
   */
  start<A, XE extends E, R, B>(
    parent: AnyFiber,
    effect: Effect.Effect<A, XE, R>,
    answer: (child: Fiber.Fiber<A, XE>) => Effect.Effect<B>
  ): Effect.Effect<B, E> {
    const started = this.tryStart(parent, effect, answer)
    if (started !== undefined) return started
    return Effect.callback((resume) => {
      // The fiber may have yielded on its way here.
      const started = this.tryStart(parent, effect, answer)
      if (started !== undefined) return resume(started)
      const pending = new Pending<E>(
        parent,
        this.name,
        () => this.startChild(parent, effect),
        // The end of the wait is that child, or else the exit of a group that has ended.
        (end) => resume(Exit.isExit(end) ? end : answer(end as Fiber.Fiber<A, XE>))
      )
      this.pending.push(pending)
      this.breakDeadlock(parent)
      return this.leave(pending)
    })
  }

  /** G5: who is interrupted takes the effect along, also if its child has begun and only the fiber has not gone on. */
  private leave(pending: Pending<E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.withdraw(pending)
      return pending.child === undefined ? Effect.void : interruptAlong(pending.child, this.name)
    })
  }

  /** A call whose caller is interrupted leaves the line. */
  private withdraw(call: Waiting<E>): void {
    const { isWaiting } = call
    call.leave()
    if (!isWaiting) return
    this.pending.remove(call)
    this.wakeIfQuiet()
  }

  /**
   * G13: starts a child for each item of a series, and returns once the last has begun. Starts children from a plain
   * loop while there are places, for a while, and waits in the line for all others. In a group that is not open it ends
   * as `go` does.
   */
  startEach(series: Series<E>): Effect.Effect<void, E> {
    for (let left = stretch; left > 0; left--) {
      // First come, first served: no series overtakes a pending call.
      if (this.pending.size > 0 || !this.hasPlace) return this.startEachLater(series)
      series.startNext()
      if (!series.take()) return Exit.void
    }
    return Effect.flatMap(Effect.yieldNow, () => this.startEach(series))
  }

  private startEachLater(series: Series<E>): Effect.Effect<void, E> {
    return Effect.callback((resume) => {
      // The fiber may have yielded on its way here.
      const refusal = this.refusal()
      if (refusal !== undefined) return resume(refusal)
      if (this.pending.size === 0 && this.hasPlace) return resume(Effect.suspend(() => this.startEach(series)))
      series.wait(resume)
      this.pending.push(series)
      this.breakDeadlock(series.parent)
      return Effect.sync(() => this.withdraw(series))
    })
  }

  /** Starts the children of pending calls while there are places. Runs fibers. */
  private admitSome(most: number): void {
    for (let left = most; left > 0 && this.hasPlaceToGive; left--) {
      const call = this.pending.shift()
      if (call === undefined) break
      const next = call.admit()
      if (next === "served") this.admitted.add(call)
      if (next === "again") this.readmit(call)
    }
    this.wakeAdmitted()
  }

  /** G13: a call that waits for another place goes to the end of the line. In a group that has ended, the call ends. */
  private readmit(call: Waiting<E>): void {
    const refusal = this.refusal()
    if (refusal !== undefined) {
      call.leave()
      return stack.resume(call.parent, call.refuse, refusal)
    }
    this.pending.push(call)
    this.breakDeadlock(call.parent)
  }

  /**
   * G8: only a success hands its place over at once. Places that come otherwise are given to pending calls in a turn
   * that is requested now: children are often interrupted together, and those that wait may be next.
   */
  private admitLater(places: number): void {
    const first = this.pending.head
    if (first === undefined || places <= 0) return
    this.cooling += places
    stack.afterwards(first.parent, () => {
      this.cooling -= places
      this.admission.run()
    })
  }

  /**
   * G9: when all places are held by children that wait for the group, some of them for a place, refuses the last of
   * these. `by` is who has come to wait, if that is known: nobody but a child can make it so. O(pending) where as many
   * wait as there are places, else O(1).
   */
  private breakDeadlock(by?: AnyFiber): void {
    const { active, inside, limit, pending, state } = this
    const waiting = inside.work.size + inside.end.size
    if (state !== "open" || active < limit || pending.size === 0 || pending.size + waiting < active) return
    if (by !== undefined && !this.isChild(by)) return
    let [stuck, last]: [number, Waiting<E> | undefined] = [waiting, undefined]
    for (let one = pending.head; one !== undefined; one = one.next) {
      if (!this.isChild(one.parent)) continue
      stuck++
      last = one
    }
    if (last === undefined || stuck < active) return
    pending.remove(last)
    last.leave()
    stack.resume(last.parent, last.refuse, Exit.die(new GroupDeadlock({ group: this.name, limit })))
  }

  /** Lets those go on whose children have been started: now if next to nobody runs any more. Runs fibers. */
  private wakeAdmitted(): void {
    if (this.admitted.first === undefined) return
    this.admitted.wake(this.active <= Math.max(1, this.limit / 8), this.requestTurn)
  }

  private readonly requestTurn = (task: () => void): void => {
    const { first } = this.admitted
    if (first !== undefined) stack.later(first.parent, task)
  }

  /** Starts a child, for which there is a place. It runs inline, and may have ended on return. */
  startChild<A, XE extends E, R>(parent: AnyFiber, effect: Effect.Effect<A, XE, R>): Fiber.Fiber<A, XE> {
    this.active++
    this.started++
    const { arrivals } = this.outside
    const latest = this.pending.tail
    const child = this.forks.from(parent, this.observers === undefined ? effect : this.observed(effect, this.observers))
    const exit = child.pollUnsafe()
    if (exit !== undefined) {
      this.ended(child.id, exit)
      return child
    }
    const node = new Child(child)
    this.children.push(node)
    this.fibers?.add(child)
    child.addObserver((exit) => {
      this.children.remove(node)
      this.fibers?.delete(child)
      this.ended(child.id, exit)
    })
    // While it was unknown here, the group may have ended without it, ...
    if (this.state !== "open") {
      this.noteInterrupter(parent.id)
      stack.interrupt(child, parent.id, this.cancelled)
    }
    // ... and it may have begun to wait for the group from what looked like outside.
    if (this.outside.arrivals !== arrivals) {
      this.outside.move(child, this.outside.arrivals - arrivals, (purpose) => this.inside[purpose])
      this.wakeIfQuiet()
    }
    // Or for a place.
    if (this.pending.tail !== latest || this.outside.arrivals !== arrivals) this.breakDeadlock()
    return child
  }

  /** A child that starts, as the observers have it. */
  private observed<A, XE, R>(effect: Effect.Effect<A, XE, R>, observers: Observers): Effect.Effect<A, XE, R> {
    observers.counted("started")
    return observers.around({ kind: "child", child: this.started }, effect)
  }

  private count(outcome: "succeeded" | "failed" | "interrupted"): void {
    this[outcome]++
    this.observers?.counted(outcome)
  }

  private ended(child: number, exit: Exit.Exit<unknown, E>): void {
    if (Exit.isSuccess(exit)) this.count("succeeded")
    // G4: from outside, or by the group itself (G1); neither is a failure.
    else if (Cause.hasInterruptsOnly(exit.cause)) this.count("interrupted")
    else {
      // An error or a defect (G7).
      this.count("failed")
      this.fail(exit.cause, child)
    }
    this.active--
    // Under a limit that was lowered this has freed no place.
    if (this.active >= this.limit) this.breakDeadlock()
    if (Exit.isSuccess(exit)) {
      if (this.pending.size > 0) this.admission.run()
      this.wakeAdmitted()
    } else {
      this.admitLater(1)
    }
    this.wakeIfQuiet()
  }

  private fail(exit: Cause.Cause<E>, by: number): void {
    const cause = this.withoutEcho(exit)
    this.failures.push(cause)
    if (this.state !== "open" || this.onFailure === "continue") return
    this.state = "failed"
    this.fatal = Exit.failCause(cause)
    this.interruptAll(by, true, cancellation("group", this.name, "a child failed", by, cause))
  }

  /** G1: without the interrupts of the group's own that reached a child as it cleaned up after its failure. */
  private withoutEcho(cause: Cause.Cause<E>): Cause.Cause<E> {
    const { interrupters } = this
    if (interrupters === undefined) return cause
    const { reasons } = cause
    const isEcho = (reason: Cause.Reason<E> | undefined) =>
      reason !== undefined && Cause.isInterruptReason(reason) && interrupters.has(reason.fiberId)
    let { length } = reasons
    while (isEcho(reasons[length - 1])) length--
    return length === reasons.length ? cause : Cause.fromReasons(reasons.slice(0, length))
  }

  /**
   * Runs the body of `scoped`. It takes no place and is no child; but the failure that cancels the group interrupts it
   * too, and its own failure, which is for `scoped` to report, cancels the children.
   */
  runBody<A, XE, R>(parent: AnyFiber, effect: Effect.Effect<A, XE, R>): Fiber.Fiber<A, XE> {
    const known = Effect.withFiber((fiber) => {
      this.body = fiber
      return effect
    })
    const body = this.forks.from(parent, known)
    this.body = body
    body.addObserver((exit) => {
      this.body = undefined
      if (Exit.isFailure(exit)) {
        // The defects that the body dies of on its way out are not the failure that `scoped` reports, and must not be
        // lost.
        const isOthersEnd = this.fatal !== undefined || this.finished !== undefined
        const defects = isOthersEnd ? defectsOf([exit.cause]) : undefined
        if (defects !== undefined) this.failures.push(defects)
        if (this.state === "open") {
          this.close(body, isInterruption(exit) ? "the body was interrupted" : "the body failed", exit.cause)
        }
      }
      this.wakeIfQuiet()
    })
    return body
  }

  /** Ends the group and its children, but not the body. `led`: the cause that has led to it. */
  close(by: AnyFiber, why: Why, led?: Cause.Cause<unknown>): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.interruptAll(by.id, false, cancellation("group", this.name, why, by, led))
  }

  /** Ends the body, the group and its children, as the fiber that runs `scoped` has been interrupted. */
  abandon(by: AnyFiber, led: Cause.Cause<unknown>): void {
    const annotations = cancellation("group", this.name, "its owner was interrupted", by, led)
    this.interruptBody(by.id, annotations)
    if (this.state === "closed") return
    this.state = "closed"
    this.interruptAll(by.id, false, annotations)
  }

  /** G10: ends the group, its children and the body, which has no value any more: `scoped` returns this one. */
  finish(value: unknown, by: AnyFiber): Exit.Exit<never> {
    const annotations = cancellation("group", this.name, "finish", by)
    if (this.state === "open") {
      this.finished = Exit.succeed(value) as Exit.Success<unknown>
      this.state = "closed"
      this.interruptAll(by.id, true, annotations)
    }
    return interruptedBy(by.id, annotations)
  }

  private noteInterrupter(by: number): void {
    this.interrupters ??= new Set()
    this.interrupters.add(by)
  }

  private interruptBody(by: number, annotations: Annotations | undefined): void {
    if (this.body !== undefined) stack.interrupt(this.body, by, annotations)
  }

  /** G1: all of them at once, and every pending `go`. From a snapshot: those that end leave the set meanwhile. */
  private interruptAll(by: number, withBody: boolean, annotations: Annotations | undefined): void {
    this.noteInterrupter(by)
    this.cancelled ??= annotations
    for (const child of this.fibersOfChildren()) stack.interrupt(child, by, annotations)
    if (withBody) this.interruptBody(by, annotations)
    const refusal = this.refusal()
    const refused = this.pending.takeAll()
    for (const pending of refused) pending.leave()
    if (refusal !== undefined) { for (const { parent, refuse } of refused) stack.resume(parent, refuse, refusal) }
  }

  /**
   * G2: suspends until every child has ended, finalizers included, and no `go` is pending. A child waits for the
   * others, except those that wait likewise; for the end, except those that wait for the end. Return what this returns,
   * in an uninterruptible region.
   */
  awaitQuiet(fiber: AnyFiber, purpose: Purpose, restore: Restore): Effect.Effect<void> {
    if (!this.isChild(fiber)) return this.park(this.outside, fiber, purpose, restore)
    const wait = this.park(this.inside[purpose], fiber, purpose, restore)
    this.breakDeadlock(fiber)
    return wait
  }

  private isChild(fiber: AnyFiber): boolean {
    // A fiber that a child has forked inherits the mark, so the mark alone does not make a child.
    if (fiber === this.body || fiber.getRef(Membership) !== this) return false
    this.fibers ??= new Set(this.fibersOfChildren())
    return this.fibers.has(fiber)
  }

  private fibersOfChildren(): Array<AnyFiber> {
    const fibers: Array<AnyFiber> = []
    for (let child = this.children.head; child !== undefined; child = child.next) fibers.push(child.fiber)
    return fibers
  }

  /** As `quiet`, for the fiber that runs `scoped`, which waits for the body too. */
  awaitEnd(fiber: AnyFiber, restore: Restore): Effect.Effect<void> {
    return this.park(this.owner, fiber, "end", restore)
  }

  private park(lot: ParkingLot, fiber: AnyFiber, purpose: Purpose, restore: Restore): Effect.Effect<void> {
    const wait = lot.park(fiber, purpose, restore)
    this.wakeIfQuiet()
    return wait
  }

  private wakeIfQuiet(): void {
    const { end, work } = this.inside
    if (end.size > 0 && this.active === end.size) end.release()
    // A pending `go` counts as work, unless those that wait here hold all the places it could get.
    const noWork = this.pending.size === 0 || this.active >= this.limit
    if (work.size > 0 && this.active === work.size + end.size && noWork) work.release()
    if (this.active + this.pending.size > 0) return
    if (this.owner.size > 0 && this.body === undefined) {
      // `scoped` is over now, not when its fiber gets to go on: nothing may start meanwhile.
      this.state = "closed"
      this.owner.release()
    }
    this.outside.release()
  }

  setLimit(limit: number): void {
    this.limit = limit
    this.admitLater(Math.min(limit - this.active - this.cooling, this.pending.size))
    this.breakDeadlock()
  }

  stats(): Stats {
    return {
      limit: this.limit === Infinity ? "unbounded" : this.limit,
      active: this.active,
      waiting: this.pending.size,
      started: this.started,
      succeeded: this.succeeded,
      failed: this.failed,
      interrupted: this.interrupted,
      state: this.state
    }
  }

  toJSON(): unknown {
    return { _id: "Group", name: this.name, ...this.stats() }
  }

  // As `sluice/inspect` sees it

  [ViewTypeId](detail: Detail): View | undefined {
    const { inside, outside, owner, pending } = this
    const parked = [outside, owner, inside.work, inside.end]
    const isAtRest = pending.size === 0 && parked.every(({ size }) => size === 0)
    if (isAtRest && (detail === "waits" || (detail === "sweep" && this.active === 0))) return undefined
    const children = [...this.children]
    const line: Line = {
      of: "places",
      capacity: this.limit,
      // More than the children: one that is being started is not known yet.
      held: this.active,
      holds: children.map((key) => ({ node: key.fiber, weight: 1, until: "exit", key })),
      self: this
    }
    const waits = [...this.waitsForPlaces(line), ...this.waitsForEnds(children)]
    return {
      version: 1,
      kind: "group",
      name: this.name,
      self: this,
      stats: this.stats(),
      lines: [line],
      waits,
      takes: this.takes,
      // The body starts more of them.
      rivals: this.isRace ? [...children.map(({ fiber }) => fiber), ...this.body === undefined ? [] : [this.body]] : []
    }
  }

  private waitsForPlaces(line: Line): ReadonlyArray<Wait> {
    return [...this.pending].map((key) => ({
      node: key.parent,
      who: "fiber",
      for: "a place",
      rooms: [[line, 1]],
      all: key.prev && [key.prev.parent],
      key
    }))
  }

  /** G2, G9: children that wait for the group are no reason for others to wait that wait likewise. */
  private waitsForEnds(children: ReadonlyArray<Child>): ReadonlyArray<Wait> {
    const { inside: { end, work }, outside } = this
    const inWork = new Set([...work].map(({ fiber }) => fiber))
    const inEnd = new Set([...end].map(({ fiber }) => fiber))
    const fibers = children.map(({ fiber }) => fiber)
    const pending = [...this.pending].map(({ parent }) => parent)
    const waits = (lot: ParkingLot, what: string, all: ReadonlyArray<object>) =>
      [...lot].map((key): Wait => ({ node: key.fiber, who: "fiber", for: what, all, key }))
    return [
      // Each lot stands for its event.
      event(work, "the other children", fibers.filter((one) => !inWork.has(one) && !inEnd.has(one))),
      event(end, "the other children", fibers.filter((one) => !inEnd.has(one))),
      event(outside, "all children", fibers.concat(pending)),
      ...waits(work, "the other children", [work]),
      ...waits(end, "the end", [end]),
      ...waits(outside, "the children", [outside]),
      ...waits(this.owner, "the end", this.theEnd)
    ]
  }

  /** The owner of `scoped` waits for these. */
  private get theEnd(): ReadonlyArray<object> {
    return this.body === undefined ? [this.outside] : [this.outside, this.body]
  }

  private get takes(): ReadonlyArray<Taking> {
    return [
      ...[...this.outside].map(({ fiber: by }) => ({ by, nodes: [this.outside], isUnsure: true })),
      ...[...this.owner].map(({ fiber: by }) => ({ by, nodes: this.theEnd }))
    ]
  }
}

/** How many children a series starts at a stretch, before others get a turn: a few milliseconds. */
const stretch = 1024

/** The group that has started a fiber, or one that fiber descends from. */
const Membership = Context.Reference<unknown>("~sluice/Group/Membership", { defaultValue: () => undefined })

const event = (node: object, what: string, all: ReadonlyArray<object>): Wait => ({
  node,
  who: "event",
  for: what,
  all,
  key: node
})

class Child {
  prev: Child | undefined = undefined
  next: Child | undefined = undefined
  constructor(readonly fiber: AnyFiber) {}
}
