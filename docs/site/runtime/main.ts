/**
 * The script of the worker in which a page's programs run. It receives one job, and posts what comes of it. The worker
 * is within a sandboxed frame: it reaches no network, no storage and nothing of the page.
 */
import { idle } from "./first.ts"

// After `first.ts`, which has to run before Effect.
import { explain } from "./errors.ts"
import { compile, evaluate } from "./evaluate.ts"
import { type Exploration, exploration } from "./exploration.ts"
import { capture, post, print } from "./print.ts"

/** A program to run, or to explore. */
export type Job =
  | { readonly kind: "run"; readonly code: string }
  | { readonly kind: "explore"; readonly exploration: Exploration }

capture()

const perform = async (job: Job): Promise<void> => {
  const began = performance.now()
  try {
    if (job.kind === "run") await evaluate(compile(job.code))
    else post({ kind: "result", result: await exploration(job.exploration) })
    post({ kind: "evaluated" })
    if (job.kind === "run") await idle()
  } catch (error) {
    print("error", explain(error))
  }
  post({ kind: "done", millis: performance.now() - began })
}

globalThis.onmessage = ({ data }: MessageEvent<Job>) => void perform(data)
globalThis.addEventListener("unhandledrejection", ({ reason }) => print("error", `Uncaught ${explain(reason)}`))
globalThis.addEventListener("error", (event) => {
  event.preventDefault()
  print("error", `Uncaught ${explain(event.error ?? event.message)}`)
})
