/** The errors and values of the current group, as the compiler collects them; and attempts to lose one on the way. */
import { Cause, Context, Effect, Exit, type Fiber, Layer, Option, Schedule, type Scope, Stream } from "effect"
import { Group } from "sluice"
import { expectTypeOf, test } from "vitest"

class Boom {
  readonly _tag = "Boom"
}
class Bang {
  readonly _tag = "Bang"
}
class Db extends Context.Service<Db, { readonly url: string }>()("Db") {}

declare const boom: Effect.Effect<number, Boom, Db>
declare const bang: Effect.Effect<string, Bang, Scope.Scope>
declare const safe: Group.Group<never>

test("go, tryGo and fork collect the child's error in the requirements", () => {
  expectTypeOf(Group.go(boom)).toEqualTypeOf<Effect.Effect<void, never, Db | Group.Current<Boom>>>()
  expectTypeOf(Group.tryGo(boom)).toEqualTypeOf<Effect.Effect<boolean, never, Db | Group.Current<Boom>>>()
  type Forked = Effect.Effect<Fiber.Fiber<number, Boom>, never, Db | Group.Current<Boom>>
  expectTypeOf(Group.fork(boom)).toEqualTypeOf<Forked>()
  expectTypeOf(Group.go(Effect.void)).toEqualTypeOf<Effect.Effect<void, never, Group.Current<never>>>()
})

test("scoped turns them into its own errors, and what finish may give into its own values", () => {
  const body = Effect.gen(function*() {
    yield* Group.go(boom)
    yield* Group.go(bang)
    if ((yield* Effect.succeed(1)) > 2) yield* Group.finish(true as const)
    return "value"
  })
  type Result = Effect.Effect<string | true, Boom | Bang, Db | Scope.Scope>
  expectTypeOf(body.pipe(Group.scoped({ limit: 2 }))).toEqualTypeOf<Result>()
  expectTypeOf(body.pipe(Group.scoped())).toEqualTypeOf<Result>()
  expectTypeOf(Group.scoped(body, { limit: 2 })).toEqualTypeOf<Result>()
  expectTypeOf(Group.scoped(body)).toEqualTypeOf<Result>()
  expectTypeOf(Group.scoped(Effect.fail(new Bang()))).toEqualTypeOf<Effect.Effect<never, Bang>>()
})

test("Effect.fn, generic code and recursion need no annotation but those of any effect", () => {
  const crawl = Effect.fn("crawl")(function*(n: number) {
    yield* Group.go(boom)
    return n
  }, Group.scoped({ limit: 2 }))
  expectTypeOf(crawl).toEqualTypeOf<(n: number) => Effect.Effect<number, Boom, Db>>()

  const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) => Group.scoped(Group.go(effect))
  expectTypeOf(alone(boom)).toEqualTypeOf<Effect.Effect<void, Boom, Db>>()

  const visit = (n: number): Effect.Effect<void, Boom, Db | Group.Current<Boom>> =>
    Effect.gen(function*() {
      yield* boom
      yield* Group.go(visit(n + 1))
    })
  expectTypeOf(visit(1).pipe(Group.scoped({ limit: 2 }))).toEqualTypeOf<Effect.Effect<void, Boom, Db>>()
})

test("scopes nest: the inner one takes its own, the outer one the rest", () => {
  const inner = Group.go(boom).pipe(Group.scoped())
  expectTypeOf(Group.go(inner).pipe(Group.scoped())).toEqualTypeOf<Effect.Effect<void, Boom, Db>>()
  expectTypeOf(Effect.ignore(inner).pipe(Group.scoped())).toEqualTypeOf<Effect.Effect<void, never, Db>>()
})

test("start takes what ready says, and only that", () => {
  const server = Effect.andThen(Group.ready(8080), boom)
  expectTypeOf(server).toEqualTypeOf<Effect.Effect<number, Boom, Db | Group.Ready<number>>>()
  expectTypeOf(Group.start(server)).toEqualTypeOf<Effect.Effect<number, Boom, Db | Group.Current<Boom>>>()
  expectTypeOf(Group.scoped(Group.start(server))).toEqualTypeOf<Effect.Effect<number, Boom, Db>>()
  expectTypeOf(Group.start(Group.ready())).toEqualTypeOf<Effect.Effect<void, never, Group.Current<never>>>()
  const group = null as unknown as Group.Group<Boom | Bang>
  expectTypeOf(Group.start(group, server)).toEqualTypeOf<Effect.Effect<number, Boom | Bang, Db>>()
  expectTypeOf(server.pipe(Group.start(group))).toEqualTypeOf<Effect.Effect<number, Boom | Bang, Db>>()
})

test("any and quorum have the union of values, errors and services", () => {
  expectTypeOf(Group.any([boom, bang])).toEqualTypeOf<Effect.Effect<number | string, Boom | Bang, Db | Scope.Scope>>()
  type Some = Effect.Effect<Array<number | string>, Boom | Bang, Db | Scope.Scope>
  expectTypeOf(Group.quorum([boom, bang], 1)).toEqualTypeOf<Some>()
  expectTypeOf(Group.quorum(1)([boom, bang])).toEqualTypeOf<Some>()
})

test("runtime and runtimePromise take the group's errors and the services of their caller", () => {
  const group = null as unknown as Group.Group<Boom>
  type Run = <A, XE extends Boom>(effect: Effect.Effect<A, XE, Db>, options?: Effect.RunOptions) => Fiber.Fiber<A, Boom>
  expectTypeOf(Group.runtime(group)<Db>()).toEqualTypeOf<Effect.Effect<Run, never, Db>>()
  // @ts-expect-error the group cannot fail with that
  void Effect.map(Group.runtimePromise(group)(), (run) => run(Effect.fail(new Bang())))
})

test("without scoped it does not run", () => {
  // @ts-expect-error there is no current group
  void Effect.runPromise(Group.go(Effect.void))
  // @ts-expect-error there is none to finish
  void Effect.runPromise(Group.finish(1))
  // @ts-expect-error nobody waits for it
  void Effect.runPromise(Group.scoped(Group.go(Group.ready(1))))
})

test("with a group as a value, a child that may fail with more does not compile", () => {
  // @ts-expect-error annotate the group
  Group.go(safe, boom)
  // @ts-expect-error annotate the group
  Group.start(safe, Effect.andThen(Group.ready(1), boom))
  // @ts-expect-error annotate the group
  Group.scoped({}, (group) => Group.go(group, boom))
})

/** The errors that are left once `scoped` has been through. */
type Errors<Eff> = Eff extends Effect.Effect<unknown, infer E, infer R> ? E | Group.ErrorOf<R> : never
const outcome = <A, E, R>(body: Effect.Effect<A, E, R>) => Group.scoped(body)

test("no handler on the way loses a child's error", () => {
  const start = Group.go(boom)
  const handlers = {
    ignore: Effect.ignore(start),
    exit: Effect.exit(start),
    orDie: Effect.orDie(start),
    catchCause: Effect.catchCause(start, () => Effect.void),
    option: Effect.option(start),
    retry: Effect.retry(start, Schedule.recurs(1)),
    sandbox: Effect.ignore(Effect.sandbox(start)),
    timeout: Effect.ignore(Effect.timeout(start, "1 second")),
    cached: Effect.flatten(Effect.cached(start)),
    forked: Effect.forkChild(start),
    detached: Effect.forkDetach(start),
    inAll: Effect.all([start, start], { concurrency: 2 }),
    inRace: Effect.race(start, start),
    inStream: Stream.runDrain(Stream.mapEffect(Stream.make(1), () => start)),
    inScope: Effect.scoped(Effect.addFinalizer(() => Effect.provideService(start, Db, { url: "" }))),
    provided: Effect.provideService(start, Db, { url: "" }),
    inLayer: Effect.provide(Effect.void, Layer.effectDiscard(start)),
    inContext: Effect.flatMap(
      Effect.context<Group.Current<Boom>>(),
      (context) => Effect.provideContext(start, context)
    ),
    inChild: Group.go(Effect.ignore(start)),
    inForked: Group.fork(Effect.exit(start)),
    started: Group.start(Effect.andThen(Group.ready(1), Effect.ignore(start))),
    inOption: Effect.flatMap(Effect.succeed(Option.some(start)), (option) => Option.getOrThrow(option)),
    inExit: Effect.map(Effect.exit(start), Exit.isSuccess),
    squashed: Effect.catchCause(start, (cause) => Effect.succeed(Cause.squash(cause)))
  }
  type Lost = {
    [K in keyof typeof handlers]: Boom extends Errors<typeof handlers[K]> ? never : K
  }[keyof typeof handlers]
  expectTypeOf<Lost>().toBeNever()
  type Kept = {
    [K in keyof typeof handlers]: Errors<typeof handlers[K]> extends Boom ? never : K
  }[keyof typeof handlers]
  expectTypeOf<Kept>().toBeNever()
  expectTypeOf(outcome(handlers.ignore)).toEqualTypeOf<Effect.Effect<void, Boom, Db>>()
})

test("a requirement may be widened, and not narrowed", () => {
  const start = Group.go(boom)
  const wider: Effect.Effect<void, never, Db | Group.Current<Boom | Bang>> = start
  expectTypeOf(Group.scoped(wider)).toEqualTypeOf<Effect.Effect<void, Boom | Bang, Db>>()
  // @ts-expect-error the error would be lost
  const narrower: Effect.Effect<void, never, Db | Group.Current<never>> = start
  // @ts-expect-error the error would be lost
  const other: Effect.Effect<void, never, Db | Group.Current<Bang>> = start
  // @ts-expect-error the context is for other errors: its requirement stays
  const provided: Effect.Effect<void, never, Db> = Effect.provideContext(
    start,
    Context.empty() as Context.Context<Group.Current<Bang>>
  )
  return [narrower, other, provided]
})
