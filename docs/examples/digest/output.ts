import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { open, realpath, rename, stat, unlink } from "node:fs/promises"
import { basename, dirname, join as joinText, relative, resolve } from "node:path"
import type { Writable } from "node:stream"
import { type BytePath, fromText, join } from "./bytes.js"
import { reasonOf } from "./file.js"

/** The results could not be written. */
export class OutputFailed extends Data.TaggedError("OutputFailed")<{
  readonly name: string
  readonly error: unknown
}> {
  override get message(): string {
    return `${this.name}: ${reasonOf(this.error)}`
  }

  /** The reader has seen enough, as `head` does. */
  get isBrokenPipe(): boolean {
    return this.error instanceof Error && "code" in this.error && this.error.code === "EPIPE"
  }
}

/** Where the results go. */
export class Output {
  private readonly room = Latch.makeUnsafe(true)
  private readonly broken = Deferred.makeUnsafe<never, OutputFailed>()
  private held = ""

  constructor(name: string, private readonly stream: Writable, private readonly hold: boolean) {
    stream.on("drain", () => this.room.openUnsafe())
    stream.on("error", (error) => Deferred.doneUnsafe(this.broken, Exit.fail(new OutputFailed({ name, error }))))
  }

  /** Writes latin1 text at once, so that two who write do not get in each other's way. */
  write(text: string): void {
    if (this.hold) this.held += text
    else if (!this.stream.write(text, "latin1")) this.room.closeUnsafe()
  }

  /** Suspends while the reader is behind. */
  readonly ready: Effect.Effect<void> = this.room.await

  /** Hands over what was held, and waits until the reader has all. Never returns if that fails: see `failed`. */
  readonly flush: Effect.Effect<void> = Effect.callback((resume) => {
    this.stream.write(this.held, "latin1", (error) => {
      if (!error) resume(Effect.void)
    })
  })

  /** Fails when the output does. */
  readonly failed: Effect.Effect<never, OutputFailed> = Deferred.await(this.broken)
}

/** Writes to an output while `use` runs. What goes wrong with the output interrupts `use`. */
const writing = <A, E>(
  output: Output,
  use: (output: Output) => Effect.Effect<A, E>
): Effect.Effect<A, E | OutputFailed> => Effect.raceFirst(Effect.tap(use(output), () => output.flush), output.failed)

/** The results go to standard output; held until the end when they would get between the progress bar's lines. */
export const toStdout = <A, E>(use: (output: Output) => Effect.Effect<A, E>): Effect.Effect<A, E | OutputFailed> =>
  Effect.suspend(() =>
    writing(new Output("standard output", process.stdout, process.stdout.isTTY && process.stderr.isTTY), use)
  )

/** Where a file is to be written, and first its temporary twin. */
export interface Target {
  readonly path: string
  readonly temporary: string
}

/** Follows symbolic links, so that it is the file that gets replaced and not a link to it. */
export const resolveTarget = (name: string): Effect.Effect<Target, OutputFailed> =>
  Effect.tryPromise({
    try: async () => {
      const existing = await stat(name).catch(() => undefined)
      if (existing !== undefined && !existing.isFile()) throw new Error("not a regular file")
      const path = existing === undefined
        ? joinText(await realpath(dirname(resolve(name))), basename(name))
        : await realpath(name)
      return { path, temporary: joinText(dirname(path), `.${basename(path)}.${process.pid}.tmp`) }
    },
    catch: (error) => new OutputFailed({ name, error })
  })

/** The paths under which a walk of `root` would meet the output. */
export const ownFiles = (target: Target, root: string): Effect.Effect<ReadonlySet<BytePath>, OutputFailed> =>
  Effect.tryPromise({
    try: async () => {
      const realRoot = await realpath(root)
      const inside = [target.path, target.temporary]
        .map((path) => relative(realRoot, path))
        .filter((path) => path !== ".." && !path.startsWith("../"))
      return new Set(inside.map((path) => join(fromText(root), fromText(path))))
    },
    catch: (error) => new OutputFailed({ name: target.path, error })
  })

/** The results go to a file, which appears when they are complete, or stays as it was. */
export const toFile = <A, E>(
  target: Target,
  use: (output: Output) => Effect.Effect<A, E>
): Effect.Effect<A, E | OutputFailed> => {
  const attempt = <T>(operation: () => Promise<T>) =>
    Effect.tryPromise({ try: operation, catch: (error) => new OutputFailed({ name: target.path, error }) })
  return Effect.acquireUseRelease(
    attempt(() => open(target.temporary, "wx")),
    (handle) =>
      Effect.suspend(() =>
        writing(new Output(target.path, handle.createWriteStream({ autoClose: false }), false), use)
      ),
    (handle, exit) =>
      Effect.andThen(
        attempt(() => handle.close()),
        attempt(() => Exit.isSuccess(exit) ? rename(target.temporary, target.path) : unlink(target.temporary))
      )
  )
}
