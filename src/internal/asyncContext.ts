/**
 * The content of `AsyncLocalStorage`, kept for work that begins in somebody else's turn.
 *
 * Effect keeps it for each fiber while that is suspended. A job that waits in a queue has no fiber yet: begun later, it
 * would see what the one sees whose turn begins it.
 */
export interface AsyncContext {
  runInAsyncScope<This, Argument, A>(f: (this: This, argument: Argument) => A, self: This, argument: Argument): A
  emitDestroy(): void
}

interface Builtins {
  readonly process?: { readonly getBuiltinModule?: (name: string) => { readonly AsyncResource?: unknown } | undefined }
}

// None in browsers. Imported by name, it would not load there.
const AsyncResource = (() => {
  try {
    const module = (globalThis as Builtins).process?.getBuiltinModule?.("node:async_hooks")
    return module?.AsyncResource as (new(type: string) => AsyncContext) | undefined
  } catch {
    return undefined
  }
})()

/** The context here and now; undefined where the platform has none. `release` has to follow. */
export const capture = (): AsyncContext | undefined => AsyncResource && new AsyncResource("sluice/Waiting")

/** Calls `f` in the context that was captured, or in the present one where none was. */
export const runIn = <Argument, A>(
  context: AsyncContext | undefined,
  f: (argument: Argument) => A,
  argument: Argument
): A => context === undefined ? f(argument) : context.runInAsyncScope(f, undefined, argument)

/** Notifies async hooks, which count live resources, that the context is not used any more. */
export const release = (context: AsyncContext | undefined): void => context?.emitDestroy()

/** One context for many jobs, none of which releases it. `end` has to follow. */
export interface SharedContext extends AsyncContext {
  end(): void
}

/** As `capture`, for many. */
export const share = (): SharedContext | undefined => {
  const context = capture()
  return context && {
    runInAsyncScope: (f, self, argument) => context.runInAsyncScope(f, self, argument),
    emitDestroy: () => {},
    end: () => context.emitDestroy()
  }
}
