/**
 * A group of fibers that are one piece of work: when one fails the others are cancelled, and the group is waited for as
 * a whole. Go's errgroup, on fibers and scopes.
 *
 * The laws it keeps are numbered G1 to G9, here and in `docs/group.md`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { dual, identity } from "effect/Function"
import type { Inspectable } from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { Invariant } from "effect/Types"
import { effectLast, invalid } from "./internal/args.js"
import { capture, release, runIn } from "./internal/asyncContext.js"
import { Described } from "./internal/Described.js"
import { Forks } from "./internal/Forks.js"
import { List } from "./internal/List.js"
import { operation } from "./internal/operation.js"
import * as stack from "./internal/stack.js"
import type { AnyFiber } from "./internal/stack.js"
import { WaitQueue } from "./internal/WaitQueue.js"

const TypeId = "~sluice/Group"

/**
 * A group whose children may fail with `E`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group<in out E> extends Pipeable, Inspectable {
  readonly [TypeId]: { readonly _E: Invariant<E> }
  readonly name: string | undefined
}

/**
 * How a group is made.
 *
 * **Details**
 *
 * - `limit`: how many children may run at a time, an integer >= 1; `"unbounded"` by default.
 * - `onFailure`: `"cancel"`, the default, ends everything at the first failure; `"continue"` runs all to their ends.
 * - `name`: shown in messages and when the group is inspected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly limit?: number | "unbounded" | undefined
  readonly onFailure?: "cancel" | "continue" | undefined
  readonly name?: string | undefined
}

/**
 * What a group is doing at one moment.
 *
 * **Details**
 *
 * `active` children run or hold a place to run, `waiting` calls of `go` are suspended at the limit. Of the `started`
 * children, those that are no longer active have `succeeded`, `failed` (with an error or a defect) or were
 * `interrupted`. `state` is `"failed"` once a failure has cancelled the group (with `onFailure: "continue"` none does), and
 * `"closed"` once it was cancelled otherwise or its scope has closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly limit: number | "unbounded"
  readonly active: number
  readonly waiting: number
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly interrupted: number
  readonly state: "open" | "failed" | "closed"
}

/**
 * The defect of starting a child in a group that was cancelled, or whose scope has closed (law G3).
 *
 * @category errors
 * @since 0.1.0
 */
export class GroupClosed extends Data.TaggedError("GroupClosed")<{ readonly group: string | undefined }> {
  override get message(): string {
    const group = this.group === undefined ? "the group" : `the group ${JSON.stringify(this.group)}`
    return `Group: ${group} was cancelled, or its scope has closed: it starts no more children`
  }
}

/**
 * The defect of a `go` by a child that no place could ever come to (law G9): every place is held by a child of the group
 * that waits for the group itself.
 *
 * **Details**
 *
 * `limit` is that of the group. The child that dies of it gives its place back; with `onFailure: "continue"` the others
 * go on.
 *
 * @category errors
 * @since 0.1.0
 */
export class GroupDeadlock extends Data.TaggedError("GroupDeadlock")<{
  readonly group: string | undefined
  readonly limit: number
}> {
  override get message(): string {
    const { group, limit } = this
    const all = limit === 1 ? "the only place" : `each of the ${limit} places`
    const of = group === undefined ? "the group" : `the group ${JSON.stringify(group)}`
    return `Group.go: ${all} of ${of} is held by a child that waits for the group, so none will ever be free. ` +
      "Start the children without a limit, and bound what they do with a Semaphore"
  }
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** How a fiber waits for a group: for its work, or to see the end of it. */
const forWork = 1
const forTheEnd = 2

/**
 * The group's books. `state` only ever moves to the right:
 *
 *     open ──a child fails, unless onFailure is "continue"──▶ failed ──▶ closed
 *        └──cancel, or the scope closes──────────────────────────────────▶ closed
 *
 * A child takes a place as it starts, and gives it back as it has ended. `active` counts the places. A `go` that finds
 * none is `pending`; the group starts the child that it brought as it hands it a place (G8).
 *
 * Starting a child runs it inline, interrupting one does, and so does letting a pending `go` or a `wait` go on. Any of
 * them may come back into the group. So every method changes the books first, and runs fibers last.
 */
class GroupImpl<in out E> extends Described implements Group<E> {
  readonly [TypeId]: { readonly _E: Invariant<E> } = { _E: identity }
  readonly failures: Array<Cause.Cause<E>> = []
  /** The failure that cancelled the group, exactly as it was (G1). */
  fatal: Exit.Exit<never, E> | undefined = undefined

  private state: "open" | "failed" | "closed" = "open"
  private active = 0
  /** How many free places are kept from pending calls, until a later turn. */
  private cooling = 0
  private started = 0
  private succeeded = 0
  private failed = 0
  private interrupted = 0

  private readonly forks = new Forks((context) => Context.add(context, CurrentGroup, this))
  /** Those that have not ended. Each is forgotten as it ends (G6). */
  private readonly children = new List<Child>()
  /** Their fibers, once one of them has asked for its place among them: to keep a set costs as much as to fork. */
  private fibers: Set<AnyFiber> | undefined = undefined
  /** The body of `scoped`: it is interrupted as the children are, and takes no place. */
  private body: AnyFiber | undefined = undefined
  /** In whose names the group has interrupted its children. */
  private interrupters: Set<number | undefined> | undefined = undefined

  /** The calls of `go` that wait for a place. */
  private readonly pending = new List<Pending<E>>()
  private admission: "idle" | "postponed" | "running" = "idle"
  /** Those whose children have been started, and who have not been woken yet. */
  private admitted: Array<Pending<E>> = []
  private wakeUp: Array<Pending<E>> | undefined = undefined
  /** Those that wait for the children, from outside. */
  private readonly outside = new WaitQueue(neverGrants)
  /** The children that do: they cannot wait for themselves, and those that wait for the end are waited for by none. */
  private readonly inside = { forWork: new WaitQueue(neverGrants), forTheEnd: new WaitQueue(neverGrants) }
  /** The fiber that runs `scoped`: it waits for the body as well. */
  private readonly owner = new WaitQueue(neverGrants)

  constructor(
    private limit: number,
    private readonly onFailure: "cancel" | "continue",
    readonly name: string | undefined
  ) {
    super()
  }

  /** G5. In a group that is not open there is no place, whatever its limit (G3). */
  private get hasPlace(): boolean {
    return this.active < this.limit && this.state === "open"
  }

  /** Whether a pending call may have a place now (G8). */
  private get hasPlaceToGive(): boolean {
    return this.hasPlace && this.active + this.cooling < this.limit
  }

  /** G3: the end of a `go` when the group is not open. */
  private get rejection(): Exit.Exit<never, E> | undefined {
    switch (this.state) {
      case "open":
        return undefined
      case "failed":
        return this.fatal
      case "closed":
        return Exit.die(new GroupClosed({ group: this.name }))
    }
  }

  /** What `wait` ends with: the first failure, if there is one. */
  get result(): Exit.Exit<void, E> {
    const first = this.failures[0]
    return first === undefined ? Exit.void : Exit.failCause(first)
  }

  /** Starts a child, or answers why it cannot be started; undefined when it has to wait for a place. */
  tryStart<A, XE extends E, R, B>(
    parent: AnyFiber,
    effect: Effect.Effect<A, XE, R>,
    answer: (child: Fiber.Fiber<A, XE>) => Effect.Effect<B>
  ): Effect.Effect<B, E> | undefined {
    const rejection = this.rejection
    if (rejection !== undefined) return rejection
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
        () => this.startChild(parent, effect),
        // It is that child, or else the group's end.
        (end) => resume(Exit.isExit(end) ? end : answer(end as Fiber.Fiber<A, XE>))
      )
      this.pending.push(pending)
      this.checkDeadlock(parent)
      return this.leave(pending)
    })
  }

  /** G5: who is interrupted takes the effect along, also if its child has begun and only the fiber has not gone on. */
  private leave(pending: Pending<E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { state } = pending
      pending.state = "left"
      if (state === "waiting") {
        this.pending.remove(pending)
        this.wakeIfQuiet()
      }
      return pending.child === undefined ? Effect.void : Fiber.interrupt(pending.child)
    })
  }

  /** Starts the children of pending calls while there are places. Runs fibers. */
  private admit(): void {
    const first = this.pending.head
    if (this.admission !== "idle" || first === undefined || !this.hasPlaceToGive) return
    this.admission = "postponed"
    stack.run(first.parent, this.admitAll)
  }

  private readonly admitAll = (): void => {
    this.admission = "running"
    for (let left = turn; left > 0 && this.hasPlaceToGive; left--) {
      const pending = this.pending.shift()
      if (pending === undefined) break
      pending.state = "admitted"
      const child = runIn(pending.context, pending.start, undefined)
      release(pending.context)
      pending.child = child
      // Its caller may have left while it began.
      if (isLeft(pending)) stack.interrupt(child, pending.parent.id)
      else this.admitted.push(pending)
    }
    this.wake()
    this.admission = "idle"
    const first = this.pending.head
    if (first === undefined || !this.hasPlaceToGive) return
    this.admission = "postponed"
    stack.later(first.parent, this.admitAll)
  }

  /**
   * G8: only a success hands its place over at once. Places that come otherwise are given to pending calls in a turn that
   * is requested now: children are often interrupted together, and those that wait may be next.
   */
  private admitLater(places: number): void {
    const first = this.pending.head
    if (first === undefined || places <= 0) return
    this.cooling += places
    stack.afterwards(first.parent, () => {
      this.cooling -= places
      if (this.active >= this.limit) this.checkDeadlock()
      else this.admit()
    })
  }

  /**
   * G9: when all places are held by children that wait for the group, some of them for a place, the last of these is
   * refused. `by` is who has come to wait, if that is known: nobody but a child can make it so. O(pending) where as many
   * wait as there are places, else O(1).
   */
  private checkDeadlock(by?: AnyFiber): void {
    const { active, limit, pending, state } = this
    const { forTheEnd, forWork } = this.inside
    const waiting = forWork.size + forTheEnd.size
    if (state !== "open" || active < limit || pending.size === 0 || pending.size + waiting < active) return
    if (by !== undefined && !this.isChild(by)) return
    let [stuck, last]: [number, Pending<E> | undefined] = [waiting, undefined]
    for (let one = pending.head; one !== undefined; one = one.next) {
      if (!this.isChild(one.parent)) continue
      stuck++
      last = one
    }
    if (last === undefined || stuck < active) return
    pending.remove(last)
    last.state = "left"
    stack.resume(last.parent, last.resume, Exit.die(new GroupDeadlock({ group: this.name, limit })))
  }

  /**
   * Lets those go on whose children have been started: in the next turn, since then more children may have ended, and one
   * that starts them in a loop would suspend again for each.
   */
  private wake(): void {
    const { admitted } = this
    const [first] = admitted
    if (first === undefined) return
    if (this.active <= Math.max(1, this.limit / 8)) return this.wakeAll()
    if (this.wakeUp === admitted) return
    this.wakeUp = admitted
    stack.later(first.parent, () => {
      if (this.admitted === admitted) this.wakeAll()
    })
  }

  private wakeAll(): void {
    const { admitted } = this
    this.admitted = []
    for (const { child, parent, resume } of admitted) {
      if (child !== undefined) stack.resume(parent, resume, child)
    }
  }

  /** Starts a child, for which there is a place. It runs inline, and may have ended on return. */
  private startChild<A, XE extends E, R>(parent: AnyFiber, effect: Effect.Effect<A, XE, R>): Fiber.Fiber<A, XE> {
    this.active++
    this.started++
    const { joined } = this.outside
    const latest = this.pending.tail
    const child = this.forks.from(parent, effect)
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
      this.interruptsAs(parent.id)
      stack.interrupt(child, parent.id)
    }
    // ... and it may have begun to wait for the group from what looked like outside.
    if (this.outside.joined !== joined) {
      this.outside.transfer(child, this.outside.joined - joined, (weight) => this.insideQueue(weight))
      this.wakeIfQuiet()
    }
    // Or for a place.
    if (this.pending.tail !== latest || this.outside.joined !== joined) this.checkDeadlock()
    return child
  }

  private ended(child: number, exit: Exit.Exit<unknown, E>): void {
    if (Exit.isSuccess(exit)) this.succeeded++
    // G4: from outside, or by the group itself (G1); neither is a failure.
    else if (Cause.hasInterruptsOnly(exit.cause)) this.interrupted++
    else {
      // An error or a defect (G7).
      this.failed++
      this.fail(exit.cause, child)
    }
    this.active--
    // Under a limit that was lowered this has freed no place.
    if (this.active >= this.limit) this.checkDeadlock()
    if (Exit.isSuccess(exit)) {
      this.admit()
      this.wake()
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
    this.interruptAll(by, true)
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
    if (this.state === "failed") stack.interrupt(body, parent.id)
    body.addObserver((exit) => {
      this.body = undefined
      if (Exit.isFailure(exit)) {
        // What it dies of on its way out is not what `scoped` reports, and must not be lost.
        const defects = this.fatal && defectsOf([exit.cause])
        if (defects !== undefined) this.failures.push(defects)
        if (this.state === "open") this.close(body.id)
      }
      this.wakeIfQuiet()
    })
    return body
  }

  /** Ends the group and its children, but not the body. */
  close(by: number): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.interruptAll(by, false)
  }

  private interruptsAs(by: number): void {
    this.interrupters ??= new Set()
    this.interrupters.add(by)
  }

  interruptBody(by: number): void {
    if (this.body !== undefined) stack.interrupt(this.body, by)
  }

  /** G1: all of them at once, and every pending `go`. From a snapshot: those that end leave the set meanwhile. */
  private interruptAll(by: number, withBody: boolean): void {
    this.interruptsAs(by)
    for (const child of this.fibersOfChildren()) stack.interrupt(child, by)
    if (withBody) this.interruptBody(by)
    const { rejection } = this
    const refused = this.pending.takeAll()
    for (const pending of refused) pending.state = "left"
    for (const { parent, resume } of refused) if (rejection !== undefined) stack.resume(parent, resume, rejection)
    this.wakeIfQuiet()
  }

  /**
   * G2: suspends until every child has ended, finalizers included, and no `go` is pending. A child waits for the others,
   * except those that wait likewise; for the end, except those that wait for the end. Return what this returns, in an
   * uninterruptible region.
   */
  quiet(fiber: AnyFiber, weight: number, restore: Restore): Effect.Effect<void> {
    if (!this.isChild(fiber)) return this.waitIn(this.outside, weight, restore)
    const wait = this.waitIn(this.insideQueue(weight), weight, restore)
    this.checkDeadlock(fiber)
    return wait
  }

  private isChild(fiber: AnyFiber): boolean {
    // What a child forks inherits the mark, so that alone does not tell.
    if (fiber === this.body || fiber.getRef(CurrentGroup) !== this) return false
    this.fibers ??= new Set(this.fibersOfChildren())
    return this.fibers.has(fiber)
  }

  private fibersOfChildren(): Array<AnyFiber> {
    const fibers: Array<AnyFiber> = []
    for (let child = this.children.head; child !== undefined; child = child.next) fibers.push(child.fiber)
    return fibers
  }

  /** As `quiet`, for the fiber that runs `scoped`, which waits for the body too. */
  over(restore: Restore): Effect.Effect<void> {
    return this.waitIn(this.owner, forTheEnd, restore)
  }

  private waitIn(queue: WaitQueue, weight: number, restore: Restore): Effect.Effect<void> {
    const wait = queue.wait(weight, restore, () => Effect.void)
    this.wakeIfQuiet()
    return wait
  }

  private insideQueue(weight: number): WaitQueue {
    return weight === forWork ? this.inside.forWork : this.inside.forTheEnd
  }

  private wakeIfQuiet(): void {
    const { forTheEnd, forWork } = this.inside
    if (forTheEnd.size > 0 && this.active === forTheEnd.size) forTheEnd.settle(goOn)
    // A pending `go` counts as work, unless those that wait here hold all the places it could get.
    const noWork = this.pending.size === 0 || this.active >= this.limit
    if (forWork.size > 0 && this.active === forWork.size + forTheEnd.size && noWork) forWork.settle(goOn)
    if (this.active + this.pending.size > 0) return
    if (this.owner.size > 0 && this.body === undefined) {
      // `scoped` is over now, not when its fiber gets to go on: nothing may start meanwhile.
      this.state = "closed"
      this.owner.settle(goOn)
    }
    this.outside.settle(goOn)
  }

  setLimit(limit: number): void {
    this.limit = limit
    this.admitLater(Math.min(limit - this.active - this.cooling, this.pending.size))
    this.checkDeadlock()
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
}

/** The group that has started a fiber, or one that fiber descends from. */
const CurrentGroup = Context.Reference<unknown>("~sluice/Group/CurrentGroup", { defaultValue: () => undefined })

class Child {
  prev: Child | undefined = undefined
  next: Child | undefined = undefined
  constructor(readonly fiber: AnyFiber) {}
}

/**
 * A call of `go` that waits for a place.
 *
 *     waiting ──▶ admitted      its child has a place, and begins; the call returns at the latest a turn later
 *        └────────────┴──▶ left     it was interrupted, or refused by a group that has ended
 */
class Pending<in out E> {
  prev: Pending<E> | undefined = undefined
  next: Pending<E> | undefined = undefined
  state: "waiting" | "admitted" | "left" = "waiting"
  child: AnyFiber | undefined = undefined
  /** The child's: that of its parent, and not of who frees its place. */
  readonly context = capture()

  constructor(
    readonly parent: AnyFiber,
    readonly start: () => AnyFiber,
    /** With the child; or with the failure of the group. */
    readonly resume: (end: AnyFiber | Exit.Exit<never, E>) => void
  ) {}
}

const isLeft = <E>({ state }: Pending<E>): boolean => state === "left"

// How many are admitted in one turn, of those who come as fast as they are: a few milliseconds.
const turn = 1024

/** Those who wait for the group to be quiet hold nothing, and all go on at once. */
const neverGrants = { room: 0, reserve: () => {} }
const goOn = () => Exit.void

// The interface hides the state, and GroupImpl is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const impl = <E>(self: Group<E>): GroupImpl<E> => self as GroupImpl<E>

const checkLimit = (where: string, limit: number | "unbounded"): number => {
  if (limit === "unbounded") return Infinity
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw invalid(`Group.${where}`, "limit", "an integer >= 1 or \"unbounded\"", limit)
}

const makeImpl = <E>(where: string, options: Options | undefined): GroupImpl<E> => {
  const { limit = "unbounded", name, onFailure = "cancel" } = options ?? {}
  // No type stops a misspelling in JavaScript, and the other mode would be a silent answer to it.
  if (!["cancel", "continue"].includes(onFailure)) {
    throw invalid(`Group.${where}`, "onFailure", "\"cancel\" or \"continue\"", onFailure)
  }
  return new GroupImpl<E>(checkLimit(where, limit), onFailure, name)
}

/** The defects among some failures, as a cause of nothing else; undefined when there are none. */
const defectsOf = <E>(failures: ReadonlyArray<Cause.Cause<E>>): Cause.Cause<never> | undefined => {
  const defects = failures.flatMap((cause) => cause.reasons.filter(Cause.isDieReason))
  return defects.length === 0 ? undefined : Cause.fromReasons<never>(defects)
}

const isInterruption = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

/**
 * Ends a group as its scope closes. What its children die of meanwhile is nobody else's to report, so it becomes the
 * defect of the close; unless the scope closes on a failure, which that would spoil.
 */
const closeScope = <E>(group: GroupImpl<E>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const known = group.failures.length
    group.close(fiber.id)
    return Effect.flatMap(group.quiet(fiber, forTheEnd, identity), () => {
      const defects = Exit.isSuccess(exit) || isInterruption(exit) ? defectsOf(group.failures.slice(known)) : undefined
      return defects === undefined ? Effect.void : Effect.failCause(defects)
    })
  })

/** What `scoped` ends with: the failure that cancelled the group, or how the body ended, or else the first failure. */
const outcome = <A, XE, E>(group: GroupImpl<E>, body: Exit.Exit<A, XE>): Exit.Exit<A, E | XE> => {
  if (group.fatal !== undefined) return group.fatal
  const first = group.failures[0]
  if (Exit.isSuccess(body)) return first === undefined ? body : Exit.failCause(first)
  const defects = isInterruption(body) ? defectsOf(group.failures) : undefined
  return defects === undefined ? body : Exit.failCause(Cause.combine(body.cause, defects))
}

/**
 * Tells whether a value is a `Group`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isGroup: {
  // What is known to be a group keeps its E: a group of unknown errors would take any child.
  <E>(u: Group<E>): u is Group<E>
  (u: unknown): u is Group<unknown>
} = (u: unknown): u is never => hasProperty(u, TypeId)

/**
 * Creates a group that lives as long as the scope.
 *
 * **When to use**
 *
 * Use when the group outlives one block of code, such as one that serves requests. For a piece of work with a beginning
 * and an end, `scoped` is shorter and cannot forget to wait.
 *
 * **Details**
 *
 * `E` is what children may fail with, `never` unless given. When the scope closes, what is left is interrupted, in
 * parallel, and has ended, finalizers included, when the close returns (G2). A `limit` that is no integer >= 1 is a
 * defect.
 *
 * **Gotchas**
 *
 * A failure shows only in `wait`, in `failures` and in the next `go`. With `onFailure: "continue"` the
 * failures are all kept, for `failures`, as long as the group is.
 *
 * A child that closes the scope waits for the other children; through a scope that closes in parallel, for itself too, and
 * for ever.
 *
 * **Example** (Two requests, one of which fails)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make<string>()
 *   yield* Group.go(group, Effect.never)
 *   yield* Group.go(group, Effect.fail("no such host"))
 *   yield* Group.wait(group)
 * })
 *
 * console.log(await Effect.runPromise(Effect.flip(Effect.scoped(program)))) // => no such host
 * ```
 *
 * @see {@link scoped} for a group that is waited for by itself
 * @category constructors
 * @since 0.1.0
 */
export const make = <E = never>(options?: Options): Effect.Effect<Group<E>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => makeImpl<E>("make", options)),
    closeScope
  )

/**
 * Runs a body that starts children in a group, waits for all of them, and returns the body's value. Nothing is running
 * once it returns, however it returns. Also known as a nursery.
 *
 * **Details**
 *
 * 1. The first child that fails interrupts the other children and the body, and `scoped` fails as that child did (G1).
 * 2. When the body fails, or is interrupted, the children are interrupted, and `scoped` ends as the body did.
 * 3. An interrupt of `scoped` itself interrupts the body and the children, and is passed on (G4), together with the
 *    failure there was before it, if any.
 * 4. With `onFailure: "continue"`, children that fail interrupt nobody. Once all have ended `scoped` fails as the first of
 *    them did, unless the body failed: then it fails as the body did.
 *
 * Suspends until the body and all children have ended, finalizers included. Fibers forked in the body with
 * `Effect.forkChild` end with the body.
 *
 * **Gotchas**
 *
 * Annotate the parameter, as below: without `(group: Group.Group<MyError>)` children must not fail.
 *
 * **Example** (All or nothing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const fetchPage = (n: number) => n === 3 ? Effect.fail(`page ${n} is missing`) : Effect.succeed(`page ${n}`)
 *
 * const program = Group.scoped({ limit: 2 }, (group: Group.Group<string>) =>
 *   Effect.gen(function*() {
 *     for (let n = 1; n <= 1_000_000; n++) {
 *       yield* Group.go(group, fetchPage(n)) // waits at the limit, and fails once the group has failed
 *     }
 *   }))
 *
 * console.log(await Effect.runPromise(Effect.flip(program))) // => page 3 is missing
 * ```
 *
 * @see {@link make} for a group that lives as long as a scope
 * @category constructors
 * @since 0.1.0
 */
export const scoped = <A, XE, R, E = never>(
  options: Options,
  f: (group: Group<E>) => Effect.Effect<A, XE, R>
): Effect.Effect<A, E | XE, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const group = makeImpl<E>("scoped", options)
      const body = group.runBody(fiber, Effect.suspend(() => f(group)))
      const over = Effect.onExitPrimitive(group.over(restore), (exit) => {
        if (Exit.isSuccess(exit)) return undefined
        // Interrupted from outside. If there was a failure before that, it is told beside it, as the runtime does (G4);
        // without the echo of our own interrupting (G1).
        group.interruptBody(fiber.id)
        group.close(fiber.id)
        return Effect.flatMap(group.over(identity), () =>
          Effect.flatMap(Fiber.await(body), (exit) => {
            const told = outcome(group, exit)
            const reasons = Exit.isSuccess(told)
              ? []
              : told.cause.reasons.filter((reason) => reason._tag !== "Interrupt")
            return reasons.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(reasons))
          }))
      })
      return Effect.flatMap(over, () => Effect.flatMap(Fiber.await(body), (exit) => outcome(group, exit)))
    })
  )

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a child may fail with, the type of `go` says
type AnyGroup = GroupImpl<any>

const discard = () => Effect.void
const Go = operation(
  "Group.go",
  (fiber, self: AnyGroup, effect: Effect.Effect<unknown, unknown, unknown>) => self.start(fiber, effect, discard)
)

/**
 * Starts a child.
 *
 * **Details**
 *
 * Returns once the child runs, without waiting for its end. Suspends while `limit` children run, first come, first
 * served; an interrupt then leaves the queue, and the child never runs (G5). A place that a success frees goes to the
 * child at once, any other in a later turn of the event loop (G8). The call returns at the latest a turn after the
 * child has begun; an interrupt in between takes the child along.
 *
 * On a group that has failed it starts nothing and fails as the group did, so a loop that produces children stops by
 * itself; on a group that was cancelled, or whose scope has closed, it dies with `GroupClosed` (G3).
 *
 * The child has the services, references and tracing span of the caller (`R`). It runs at once, up to its first
 * suspension. O(1).
 *
 * **Gotchas**
 *
 * A child that calls `go` on its own group holds its place while it waits for another one. When children that wait for
 * the group hold every place, the last of their `go` dies with `GroupDeadlock` (G9). Bound the work inside the children
 * instead, with a `Semaphore`.
 *
 * A child that needs a `Scope` gets the caller's. Wrap it in `Effect.scoped` to release with the child.
 *
 * **Example** (At most four at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * let sum = 0
 * const program = Group.scoped({ limit: 4 }, (group) =>
 *   Effect.gen(function*() {
 *     for (let n = 1; n <= 100; n++) {
 *       yield* Effect.yieldNow.pipe(Effect.andThen(Effect.sync(() => sum += n)), Group.go(group))
 *     }
 *   }))
 *
 * await Effect.runPromise(program)
 * console.log(sum) // => 5050
 * ```
 *
 * @see {@link tryGo} for doing without rather than waiting
 * @see {@link fork} for a handle on the child
 * @category combinators
 * @since 0.1.0
 */
export const go: {
  <E>(self: Group<E>): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<void, E, R>
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<void, E, R>
} = effectLast(
  2,
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>) => new Go(impl(self), effect)
)

/**
 * Starts a child if there is a place for it now, and returns whether there was.
 *
 * **Details**
 *
 * Never suspends, and does not overtake: it returns false at the limit, and while any `go` waits (G5). Fails and dies as
 * `go` does. O(1).
 *
 * **Example** (Optional work)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 1 })
 *   console.log(yield* Group.tryGo(group, Effect.never)) // => true
 *   console.log(yield* Group.tryGo(group, Effect.never)) // => false
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const tryGo: {
  <E>(self: Group<E>): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<boolean, E, R>
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<boolean, E, R>
} = effectLast(
  2,
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>) =>
    Effect.withFiber((fiber) => impl(self).tryStart(fiber, effect, () => Effect.succeed(true)) ?? Effect.succeed(false))
)

/**
 * Starts a child like `go`, and returns its fiber, to await, join or interrupt it.
 *
 * **Details**
 *
 * Suspends, fails and dies like `go`. Interrupting the fiber fails nobody: the child counts as interrupted (G4). Its
 * failure is the group's failure all the same. O(1).
 *
 * **Example** (A child's value)
 *
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Group.scoped({}, (group) =>
 *   Effect.gen(function*() {
 *     const left = yield* Group.fork(group, Effect.succeed(20))
 *     const right = yield* Group.fork(group, Effect.succeed(22))
 *     return (yield* Fiber.join(left)) + (yield* Fiber.join(right))
 *   }))
 *
 * console.log(await Effect.runPromise(program)) // => 42
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const fork: {
  <E>(
    self: Group<E>
  ): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<Fiber.Fiber<A, XE>, E, R>
  <E, A, XE extends E, R>(
    self: Group<E>,
    effect: Effect.Effect<A, XE, R>
  ): Effect.Effect<Fiber.Fiber<A, XE>, E, R>
} = effectLast(
  2,
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>) =>
    Effect.withFiber((fiber) => impl(self).start(fiber, effect, (child) => Effect.succeed(child)))
)

/**
 * Suspends until no child runs and no `go` is pending, and then fails as the first child that failed, if one did.
 *
 * **Details**
 *
 * It fails with that child's cause exactly; a defect is a defect here too, with its stack (G1, G7). Other failures are in
 * `failures`. Every child has ended, its finalizers included, when it returns (G2). May be called any number of times, and
 * an open group goes on to take children.
 *
 * A child that calls it waits for the other children, except those that wait likewise. A fiber that a child has forked, as
 * `Effect.timeout` does, would wait for that child.
 *
 * **Example** (A group in two batches)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make()
 *   yield* Group.go(group, Effect.yieldNow)
 *   yield* Group.wait(group)
 *   yield* Group.go(group, Effect.yieldNow)
 *   yield* Group.wait(group)
 *   console.log(Group.stats(group).succeeded) // => 2
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const wait = <E>(self: Group<E>): Effect.Effect<void, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const group = impl(self)
      return Effect.flatMap(group.quiet(fiber, forWork, restore), () => group.result)
    })
  )

/**
 * Changes the limit, an integer >= 1 or `"unbounded"`, at any time. Anything else is a defect.
 *
 * **Details**
 *
 * Never suspends. Raising it starts pending children in a turn of the event loop that is requested now (G8), lowering
 * it stops nobody (G5). O(1) plus the children it starts.
 *
 * **Example** (Opening up)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 1 })
 *   yield* Group.go(group, Effect.never)
 *   yield* Group.setLimit(group, 2)
 *   console.log(yield* Group.tryGo(group, Effect.never)) // => true
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const setLimit: {
  (limit: number | "unbounded"): <E>(self: Group<E>) => Effect.Effect<void>
  <E>(self: Group<E>, limit: number | "unbounded"): Effect.Effect<void>
} = /* @__PURE__ */ dual(
  2,
  <E>(self: Group<E>, limit: number | "unbounded") =>
    Effect.sync(() => impl(self).setLimit(checkLimit("setLimit", limit)))
)

/**
 * Interrupts all children, and suspends until they have ended, finalizers included. A pending `go` dies with `GroupClosed`.
 *
 * **Details**
 *
 * The group is closed from then on: another `go` dies with `GroupClosed` (G3). `wait` succeeds, unless a child failed.
 * An interrupt while it waits stops the waiting only. Called again, it waits again. A child that calls it is interrupted
 * with the others; the body of `scoped` is no child, and goes on.
 *
 * **Example** (Stopping)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make()
 *   yield* Group.go(group, Effect.never)
 *   yield* Group.cancel(group)
 *   console.log(Group.stats(group).interrupted) // => 1
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cancel = <E>(self: Group<E>): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const group = impl(self)
      group.close(fiber.id)
      return group.quiet(fiber, forTheEnd, restore)
    })
  )

/**
 * Returns how children failed so far: the first failure, then the later ones, in order. A plain, synchronous copy.
 *
 * **Details**
 *
 * After the first failure the others are interrupted; those that only were are not here, those that failed on the way
 * out are, and so is what the body of `scoped` dies of, interrupted by a child's failure.
 *
 * **Example** (Every failure)
 *
 * ```ts
 * import { Cause, Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make<string>({ onFailure: "continue" })
 *   yield* Group.go(group, Effect.fail("a is missing"))
 *   yield* Group.go(group, Effect.fail("b is missing"))
 *   console.log(Group.failures(group).map(Cause.squash)) // => [ 'a is missing', 'b is missing' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const failures = <E>(self: Group<E>): ReadonlyArray<Cause.Cause<E>> => impl(self).failures.slice()

/**
 * Tells what the group is doing now: a plain, synchronous snapshot. O(1).
 *
 * **Example** (Looking at a group)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 8 })
 *   yield* Group.go(group, Effect.never)
 *   const { active, limit, state } = Group.stats(group)
 *   console.log({ active, limit, state }) // => { active: 1, limit: 8, state: 'open' }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const stats = <E>(self: Group<E>): Stats => impl(self).stats()
