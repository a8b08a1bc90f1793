import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"

/** The first Ctrl-C is for the program to end in good order. A second one meets no handler, and kills it. */
export const onSignal = (say: (text: string) => void) => {
  const given = Deferred.makeUnsafe<void>()
  const signal = { given, name: undefined as "SIGINT" | "SIGTERM" | undefined, release: () => {} }
  const stop = (name: "SIGINT" | "SIGTERM") => {
    signal.name = name
    signal.release()
    // Below the bar and the "^C" of the terminal.
    if (process.stderr.isTTY) process.stderr.write("\n")
    say("stopping (Ctrl-C again: at once)")
    Deferred.doneUnsafe(given, Exit.void)
  }
  signal.release = () => {
    process.off("SIGINT", stop)
    process.off("SIGTERM", stop)
  }
  process.on("SIGINT", stop)
  process.on("SIGTERM", stop)
  return signal
}
