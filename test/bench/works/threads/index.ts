import { Effect } from "effect"
import { Piscina } from "piscina"
import { ThreadPool } from "sluice/threads"
import type { Contender } from "../../measure.js"
import type { Work } from "../../work.js"
import { byFibers, byPromises, type Loops } from "./loops.js"
import { type Jobs, makePiscina, makeTinypool, ofPeer, ofSluice, size } from "./pools.js"

/** The same job by the peers, as they are and with so many jobs at a time for each thread, which suits small ones. */
const peers = (
  loops: Loops,
  concurrentTasksPerWorker: number,
  name: string,
  input: (n: number) => unknown
): ReadonlyArray<Contender> => {
  const run = (pool: { run: (input: unknown, options: { name: string }) => Promise<unknown> }) =>
    byPromises(loops, (n) => pool.run(input(n), { name }))
  return [
    ofPeer("piscina", () => makePiscina(), run),
    ofPeer(`piscina, ${concurrentTasksPerWorker} jobs a thread`, () => makePiscina({ concurrentTasksPerWorker }), run),
    ofPeer("tinypool", () => makeTinypool(), run),
    ofPeer(`tinypool, ${concurrentTasksPerWorker} jobs a thread`, () => makeTinypool({ concurrentTasksPerWorker }), run)
  ]
}

const tiny: Loops = { callers: 64, jobs: 32_000 }
const addAll = (pool: Jobs) => byFibers(tiny, (n) => pool.run.add(n))

export const threadsTiny: Work = {
  id: "threads-tiny",
  title: "ThreadPool, tiny jobs",
  what:
    "64 callers run 32,000 jobs that add 1, one after the other each, on 2 threads that have been started before. " +
    "Callers are fibers for sluice, and promises for the peers.",
  items: tiny.jobs,
  contenders: [
    ofSluice("ThreadPool, prefetch 31", { prefetch: 31 }, addAll),
    ofSluice("ThreadPool", {}, addAll),
    ofSluice("ThreadPool, prefetch 7", { prefetch: 7 }, addAll),
    ...peers(tiny, 32, "add", (n) => n)
  ],
  goals: [{ against: "piscina, 32 jobs a thread", ratio: 1 / 1.2 }, { against: "piscina", ratio: 0.5 }]
}

const computes: Loops = { callers: 40, jobs: 1_000 }
// A fixed amount of work, and not a time: whoever is kept from a processor needs longer for it.
const computeAll = (pool: Jobs) => byFibers(computes, () => pool.run.compute(1))
const alone = "one call for each thread"

export const threadsCompute: Work = {
  id: "threads-compute",
  title: "ThreadPool, jobs of a millisecond",
  what:
    "40 callers run 1,000 jobs that compute for about a millisecond, one after the other each, on 2 threads. As fast as " +
    "can be is one call for each thread that does half of it all.",
  items: computes.jobs,
  contenders: [
    // The main thread may get a processor late, where there are no more of them than threads.
    ofSluice("ThreadPool, prefetch 3", { prefetch: 3 }, computeAll),
    ofSluice("ThreadPool", {}, computeAll),
    ofSluice("ThreadPool, prefetch 1", { prefetch: 1 }, computeAll),
    ofSluice(
      alone,
      {},
      (pool) => byFibers({ callers: size, jobs: size }, () => pool.run.compute(computes.jobs / size))
    ),
    ...peers(computes, 4, "compute", () => 1)
  ],
  goals: [{ against: alone, ratio: 1.05 }]
}

const large = 64 * 2 ** 20
const transfers = 200
const copies = 10

const movedAll = (pool: Jobs) =>
  Effect.gen(function*() {
    let bytes = new Uint8Array(large)
    for (let n = 0; n < transfers; n++) bytes = yield* pool.run.move(ThreadPool.transfer(bytes, [bytes.buffer]))
  })

const copiedAll = (pool: Jobs) =>
  Effect.gen(function*() {
    let bytes = new Uint8Array(large)
    for (let n = 0; n < copies; n++) bytes = yield* pool.run.copy(bytes)
  })

const movedByPiscina = async (pool: Piscina): Promise<void> => {
  let bytes = new Uint8Array(large)
  for (let n = 0; n < transfers; n++) {
    bytes = new Uint8Array(await pool.run(Piscina.move(bytes), { name: "move" }) as ArrayBuffer)
  }
}

export const threadsTransfer: Work = {
  id: "threads-transfer",
  title: "ThreadPool, 64 MB a job",
  what:
    "One caller runs 200 jobs that are given 64 MB, change a byte, and give all of it back; by moving it, and, 10 times, " +
    "by copying it.",
  items: transfers,
  contenders: [
    ofSluice("ThreadPool, moved", {}, movedAll),
    { ...ofSluice("ThreadPool, copied", {}, copiedAll), items: copies },
    ofPeer("piscina, moved", () => makePiscina({}, "piscinaMove"), movedByPiscina)
  ],
  goals: []
}
