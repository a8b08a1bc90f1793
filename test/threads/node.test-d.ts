import { SHARE_ENV } from "node:worker_threads"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { test } from "vitest"

const module = new URL("./jobs.js", import.meta.url)
type Jobs = ThreadWorker.Jobs<{ readonly one: () => number }>

test("ThreadPool: the environment of a thread may be the process's own, a part of it, or shared", () => {
  for (
    const env of [process.env, { ...process.env, EXTRA: "1" }, { PATH: process.env["PATH"] }, SHARE_ENV, undefined]
  ) {
    ThreadPool.make<Jobs>({ module, node: { env, argv: ["--x"], execArgv: process.execArgv } })
  }
  // @ts-expect-error the pool itself has them
  ThreadPool.make<Jobs>({ module, node: { workerData: 1 } })
  // @ts-expect-error nobody could read it
  ThreadPool.make<Jobs>({ module, node: { stdout: true } })
})
