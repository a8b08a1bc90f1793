/**
 * All that `sluice/inspect` reads of Effect's runtime beyond its public API is in this file. Verdicts of certain
 * evidence and durations need none of it. Without `_stack` a dump has no source lines, as `lacks` says for the dump to
 * show; and without `_observers` no deadlock is derived.
 *
 * Nothing here imports Effect, since `sluice ps` runs it in processes whose Effect is another copy.
 */
import type { AnyFiber } from "../stack.js"
import type { Node } from "../view.js"

const args = "~effect/Effect/args"
const successCont = "~effect/Effect/successCont"
const failureCont = "~effect/Effect/failureCont"

interface Primitive {
  readonly [args]?: unknown
  readonly [successCont]?: unknown
  readonly [failureCont]?: unknown
  /** Of an `Iterator`, which is a generator's. */
  readonly iterator?: unknown
  /** Of an `OnExit`. */
  readonly onExit?: unknown
}

interface FiberInternals {
  /** The continuations that the fiber runs once the current operation is done, innermost last. */
  readonly _stack?: ReadonlyArray<Primitive>
  /** The functions to call with its exit. */
  readonly _observers?: ReadonlyArray<(exit: never) => void>
  readonly _interruptedCause?: unknown
  /** False in an uninterruptible region. */
  readonly interruptible?: boolean | undefined
  /** The fiber that has forked this one by `Effect.forkChild`, and interrupts it as it ends. */
  readonly _parent?: AnyFiber | undefined
  /** Defined while the fiber is suspended. */
  readonly _yielded?: unknown
}

// A fiber of another copy of Effect is no instance of anything known here.
const internals = (fiber: AnyFiber): FiberInternals => fiber as FiberInternals

export const isFiber = (node: Node): node is AnyFiber => "~effect/Fiber" in node

/** One continuation: where it is in the source, and the function that it calls at an exit, if that is all it does. */
export interface Frame {
  readonly subjects: ReadonlyArray<object>
  readonly onExit: object | undefined
}

/** An open scope: its finalizers by their keys. A fiber that was forked into it, and a child scope, is a key. */
interface Scope {
  readonly state: {
    readonly finalizerKey?: object | undefined
    readonly finalizer?: object | undefined
    readonly finalizers?: ReadonlyMap<object, object> | undefined
  }
}

interface Queue {
  readonly state: { readonly takers?: ReadonlySet<{ readonly resume?: object }> }
}

const isScope = (found: object): found is Scope => "~effect/Scope" in found

const isQueue = (found: object): found is Queue => "~effect/Queue" in found

const finalizersOf = ({ state: { finalizer, finalizerKey, finalizers } }: Scope): ReadonlyMap<object, object> =>
  finalizers ?? new Map(finalizer === undefined || finalizerKey === undefined ? [] : [[finalizerKey, finalizer]])

const isObject = (u: unknown): u is object => typeof u === "function" || (typeof u === "object" && u !== null)

const isSubject = (u: unknown): u is object =>
  typeof u === "function" || (isObject(u) && typeof (u as { readonly next?: unknown }).next === "function")

/** The continuations of a fiber, innermost first. */
export const framesOf = (fiber: AnyFiber): ReadonlyArray<Frame> =>
  (internals(fiber)._stack ?? []).toReversed().map((primitive) => ({
    subjects: [
      primitive.iterator,
      primitive[args],
      primitive[successCont],
      primitive[failureCont],
      primitive.onExit
    ].filter(isSubject),
    onExit: isSubject(primitive.onExit) ? primitive.onExit : undefined
  }))

/** Whether the fiber has been interrupted and has not ended. */
export const isInterrupted = (fiber: AnyFiber): boolean =>
  internals(fiber)._interruptedCause !== undefined && fiber.pollUnsafe() === undefined

/** Whether no interrupt ends the present wait of the fiber. */
export const isUninterruptible = (fiber: AnyFiber): boolean => internals(fiber).interruptible === false

/** Whether the fiber is on JavaScript's stack: it may be in the midst of starting the fibers that it will wait for. */
const isRunning = (fiber: AnyFiber): boolean => "_yielded" in fiber && internals(fiber)._yielded === undefined

/** The name of the span that the fiber is in. */
export const spanOf = (fiber: AnyFiber): string | undefined => {
  const { span } = fiber.cache as { readonly span?: { readonly _tag: string; readonly name?: string } }
  return span?._tag === "Span" ? span.name : undefined
}

/**
 * How a fiber waits for another one, by the text of the observer through which it does: the first of several to end, as
 * in a race or a timeout; some of several, as in `Effect.all`; or that one.
 */
export type Join = "first" | "each" | "one"

const joinOf = (observer: object): Join => {
  const text = Function.prototype.toString.call(observer)
  if (!text.includes(".delete(")) return "one"
  return /\btry\b/.test(text) ? "each" : "first"
}

/** The fiber that waits for a fiber, and the other fibers that it waits for. */
export interface Joined {
  readonly by: AnyFiber
  readonly how: Join
  readonly fibers: ReadonlyArray<AnyFiber>
  /** Whether an interrupt of `by` interrupts them: `Fiber.join` leaves a fiber alone that is not a child. */
  readonly takes: boolean
  /** More fibers may come, or the wait is over and the fiber is about to go on. */
  readonly isOpen: boolean
}

/** Reads the variables that a closure refers to. */
export type Captured = (closure: object) => ReadonlyArray<object>

/** The variables of an observer. They never change, so each observer is read once. */
interface Read {
  readonly by: WeakRef<AnyFiber> | undefined
  readonly how: Join
  /** All fibers that `by` waits for, while they have not ended. */
  readonly set: WeakRef<ReadonlySet<AnyFiber>> | undefined
  /** Of a fiber that was forked into a scope. */
  readonly scope: WeakRef<Scope> | undefined
  /** Of a fiber in a `FiberHandle` or a `FiberMap`, where the next fiber interrupts it. */
  readonly isReplaceable: boolean
}

const read = new WeakMap<object, Read>()

/** Observers of sluice's own, whose waits have views. */
const isOwn = (observer: object): boolean =>
  /\.(?:children\.remove|jobEnded|between\.remove)\(/.test(Function.prototype.toString.call(observer))

const readObserver = (observer: object, fiber: AnyFiber, captured: Captured): Read => {
  const known = read.get(observer)
  if (known !== undefined) return known
  const variables = isOwn(observer) ? [] : captured(observer)
  const isOther = (found: object): found is AnyFiber => isFiber(found) && found !== fiber
  // `Fiber.join` has the resuming function itself as its observer.
  const by = variables.find(isOther) ??
    variables.flatMap((variable) => typeof variable === "function" ? captured(variable) : []).find(isOther)
  const isSet = (found: object): found is ReadonlySet<AnyFiber> => found instanceof Set && found.has(fiber)
  const set = variables.find(isSet)
  const scope = variables.find(isScope)
  const result = {
    by: by && new WeakRef(by),
    how: joinOf(observer),
    set: set && new WeakRef(set),
    scope: scope && new WeakRef(scope),
    isReplaceable: variables.some((found) => "~effect/FiberHandle" in found || "~effect/FiberMap" in found)
  }
  read.set(observer, result)
  return result
}

/** How many observers of a fiber have not been read. */
export const unreadOf = (fiber: AnyFiber): number =>
  (internals(fiber)._observers ?? []).filter((observer) => !read.has(observer)).length

/**
 * The fibers that wait for a fiber in one of Effect's own operations: `Fiber.join`, `Effect.all`, a race, a timeout.
 * Their observers refer to the function that resumes the waiting fiber, and that function to the fiber.
 */
export const joinersOf = (fiber: AnyFiber, captured: Captured): ReadonlyArray<Joined> =>
  (internals(fiber)._observers ?? []).flatMap((observer) => {
    const { by, how, set } = readObserver(observer, fiber, captured)
    const joiner = by?.deref()
    if (joiner === undefined || joiner.pollUnsafe() !== undefined) return []
    const fibers = [...set?.deref() ?? [fiber]]
    // A race of one has more to come, or is decided.
    const isOpen = isRunning(joiner) || (how === "first" && fibers.length === 1)
    return [{ by: joiner, how, fibers, takes: how !== "one" || internals(fiber)._parent === joiner, isOpen }]
  })

/** The fibers that may end a fiber, though they do not wait for it alone. */
export interface Supervision {
  /** Each interrupts the fiber as it ends: the one that has forked it, and those that take from its stream. */
  readonly by: ReadonlyArray<AnyFiber>
  /**
   * The fibers of the other streams that are merged with the fiber's. Each may end the whole: that of
   * `Stream.interruptWhen` does so, and the timer of `Stream.timeout`.
   */
  readonly rivals: ReadonlyArray<AnyFiber>
  /**
   * The fiber ends with a scope that does not say so, since effect 4.0 keeps its fibers under other keys; or another
   * fiber may take its place.
   */
  readonly isUnknown: boolean
}

interface Replacing {
  readonly fibers: WeakRef<ReadonlyMap<object, unknown>>
  /** A fiber waits for a permit of this semaphore, and takes no other one's place. */
  readonly isAdmitting: boolean
}

/** By the generators of parents. */
const replacing = new WeakMap<object, Replacing | undefined>()

const isPermits = (found: object): boolean => "permits" in found && "taken" in found && "waiters" in found

/**
 * Whether the parent interrupts the fiber to start another one in its place, as that of `Stream.switchMap` does. Such a
 * parent has its fibers as the keys of a map, until its loop ends.
 */
const isReplaced = (fiber: AnyFiber, parent: AnyFiber, captured: Captured): boolean =>
  (internals(parent)._stack ?? []).some(({ iterator }) => {
    if (!isObject(iterator)) return false
    if (!replacing.has(iterator)) {
      const variables = captured(iterator)
      const fibers = variables.find((found): found is ReadonlyMap<object, unknown> =>
        found instanceof Map && found.has(fiber)
      )
      replacing.set(iterator, fibers && { fibers: new WeakRef(fibers), isAdmitting: variables.some(isPermits) })
    }
    const known = replacing.get(iterator)
    return known !== undefined && !known.isAdmitting && known.fibers.deref()?.has(fiber) === true
  })

/** As far as its observers were read. */
export const supervisionOf = (fiber: AnyFiber, captured: Captured): Supervision => {
  const parent = internals(fiber)._parent
  const by = parent === undefined ? [] : [parent]
  const rivals: Array<AnyFiber> = []
  let isUnknown = parent !== undefined && isReplaced(fiber, parent, captured)
  for (const observer of internals(fiber)._observers ?? []) {
    const known = read.get(observer)
    if (known?.isReplaceable === true) isUnknown = true
    const scope = known?.scope?.deref()
    const finalizers = scope && finalizersOf(scope)
    if (scope === undefined) continue
    if (finalizers?.has(fiber) !== true) {
      isUnknown = true
      continue
    }
    const queue = queueOf(scope, captured)
    if (queue === undefined) continue
    by.push(...takersOf(queue, captured))
    const keys = [...finalizers.keys()]
    // Only merged streams have scopes of their own within that of the whole.
    if (keys.some(isScope)) rivals.push(...keys.filter(isFiber))
  }
  return { by, isUnknown, rivals }
}

/** How many finalizers of a scope are read. A stream's queue has one of the first. */
const mostFinalizers = 5

const queues = new WeakMap<Scope, WeakRef<Queue> | undefined>()

/** The queue of a stream that runs in fibers of its own: a finalizer of their scope shuts it down. */
const queueOf = (scope: Scope, captured: Captured): Queue | undefined => {
  if (queues.has(scope)) return queues.get(scope)?.deref()
  const queue = [...finalizersOf(scope)]
    .filter(([key]) => !isFiber(key) && !isScope(key))
    .slice(0, mostFinalizers)
    .flatMap(([, finalizer]) => captured(finalizer))
    .flatMap((effect) => {
      const thunk = (effect as Primitive)[args]
      return typeof thunk === "function" ? captured(thunk) : []
    })
    .find(isQueue)
  queues.set(scope, queue && new WeakRef(queue))
  return queue
}

const resumed = new WeakMap<object, WeakRef<AnyFiber> | undefined>()

/** The fibers that wait for a message of a queue. */
const takersOf = ({ state: { takers = new Set() } }: Queue, captured: Captured): ReadonlyArray<AnyFiber> =>
  [...takers].flatMap(({ resume }) => {
    if (resume === undefined) return []
    if (!resumed.has(resume)) {
      const fiber = captured(resume).find(isFiber)
      resumed.set(resume, fiber && new WeakRef(fiber))
    }
    return resumed.get(resume)?.deref() ?? []
  })

/** Sentences about the internals that this version of Effect does not have. */
export const lacks = (fiber: AnyFiber): ReadonlyArray<string> => {
  const version = "This version of effect has no"
  return [
    ...Array.isArray(internals(fiber)._stack) ? [] : [`${version} Fiber._stack: a dump has no source lines.`],
    ..."_observers" in fiber ? [] : [`${version} Fiber._observers: joins of fibers, and timeouts, are not seen.`]
  ]
}

/** The fiber that runs on this thread, of any copy of Effect: all of them share the global variable. */
export const currentFiber = (): AnyFiber | undefined =>
  // Effect declares the variable for itself alone.
  (globalThis as { readonly "~effect/Fiber/currentFiber"?: AnyFiber | undefined })["~effect/Fiber/currentFiber"]
