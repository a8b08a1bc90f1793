import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import { invalid } from "./args.js"

export const ObserverTypeId = "~sluice/Watch/Observer"

/**
 * A watcher of semaphores, groups, limits and durable jobs, as their option `watch` takes it: the result of
 * `Watch.metrics` or of `Watch.spans`. One value may watch many of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer {
  readonly [ObserverTypeId]: (subject: Subject) => Observing
}

/** One thing that is observed. An observer must not keep `self` alive. */
export interface Subject {
  /** `serving`: a pool that takes durable jobs. `lease`: a limit that holds across processes. */
  readonly kind: "semaphore" | "group" | "limit" | "serving" | "lease"
  readonly name: string | undefined
  readonly self: { readonly stats: () => object }
  /** The services and references of its maker. */
  readonly context: Context.Context<never>
}

/**
 * Work that an observer may wrap: a wait for so many permits, a group's child of that number, or an attempt at a
 * durable job.
 */
export type Work =
  | { readonly kind: "wait"; readonly permits: number }
  | { readonly kind: "child"; readonly child: number }
  | { readonly kind: "claim"; readonly id: string; readonly attempt: number }

/** The events that are counted: each kind of subject has some of these. */
export type Event =
  | "rejected"
  | "started"
  | "succeeded"
  | "failed"
  | "interrupted"
  | "success"
  | "overload"
  | "ignore"
  | "raised"
  | "lowered"
  | "claimed"
  | "redelivered"
  | "dead"
  | "givenBack"
  | "skipped"
  | "lost"
  | "granted"

/** The functions of one observer for one subject. They are called after the books have changed, and must not throw. */
export interface Observing {
  /** Wraps work, which it runs once. */
  around?<A, E, R>(work: Work, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  counted?(event: Event): void
  /** A call of a limit has ended, after so many milliseconds. */
  took?(millis: number): void
}

/** All observers of a subject. */
export class Observers {
  constructor(private readonly all: ReadonlyArray<Observing>) {}

  /** The first observer is the outermost. */
  around<A, E, R>(work: Work, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.all.reduceRight((inner, observing) => observing.around?.(work, inner) ?? inner, effect)
  }

  counted(event: Event): void {
    for (const observing of this.all) observing.counted?.(event)
  }

  took(millis: number): void {
    for (const observing of this.all) observing.took?.(millis)
  }
}

/** Makes the observers of a subject, once that exists; undefined if it has none. */
export type Observe = (self: Subject["self"]) => Observers | undefined

/** JavaScript may bring anything. */
export const checkObservers = (where: string, given: unknown): void => {
  if (!Array.isArray(given) || !given.every((one) => hasProperty(one, ObserverTypeId))) {
    throw invalid(where, "watch", "an array of Watch.metrics() and Watch.spans()", given)
  }
}

/** Checks the option `watch` of the function `where`. */
export const observe = (
  where: string,
  watch: ReadonlyArray<Observer> | undefined,
  subject: Omit<Subject, "self">
): Observe => {
  if (watch === undefined) return () => undefined
  checkObservers(where, watch)
  return (self) => new Observers(watch.map((observer) => observer[ObserverTypeId]({ ...subject, self })))
}
