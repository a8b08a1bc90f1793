import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/**
 * The program `child.ts` beside the module `from` (or `child.js`, beside one that is compiled), in a process of its own,
 * with a channel for messages. It ends with the scope at the latest.
 */
export const startChild = (from: string): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(() => start(from)), kill)

const start = (from: string): ChildProcess =>
  // With the same loader, if this one runs from its sources.
  fork(fileURLToPath(new URL(from.endsWith(".ts") ? "./child.ts" : "./child.js", from)), {
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

const kill = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (hasEnded(child)) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })
