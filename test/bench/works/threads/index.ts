import { Effect } from "effect"
import { Piscina } from "piscina"
import { ThreadPool } from "sluice/threads"
import type { Runs } from "../../lasting.js"
import type { Contender } from "../../measure.js"
import type { Work } from "../../work.js"
import { byFibers, byPromises, type Loops } from "./loops.js"
import { type Jobs, makePiscina, makeTinypool, ofPeer, ofSluice, size } from "./pools.js"
import { units } from "./units.js"

interface Peer {
  readonly run: (input: unknown, options: { readonly name: string }) => Promise<unknown>
}

/** The same by the peers, as they are and with so many jobs at a time for each thread, which suits small ones. */
const peers = (
  concurrentTasksPerWorker: number,
  runs: Runs<Peer, Promise<unknown>>
): ReadonlyArray<Contender> => [
  ofPeer("piscina", () => makePiscina(), runs),
  ofPeer(`piscina, ${concurrentTasksPerWorker} jobs a thread`, () => makePiscina({ concurrentTasksPerWorker }), runs),
  ofPeer("tinypool", () => makeTinypool(), runs),
  ofPeer(`tinypool, ${concurrentTasksPerWorker} jobs a thread`, () => makeTinypool({ concurrentTasksPerWorker }), runs)
]

const addBy = (loops: Loops) => (pool: Jobs) => byFibers(loops, (n) => pool.run.add(n))
const addByPeer = (loops: Loops) => (pool: Peer) => byPromises(loops, (n) => pool.run(n, { name: "add" }))

const tiny: Loops = { callers: 64, jobs: 16_000 }
const addAll = { run: addBy(tiny) }

export const threadsTiny: Work = {
  id: "threads-tiny",
  title: "ThreadPool, tiny jobs",
  what:
    "64 callers run 16,000 jobs that add 1, one at a time each, on 2 threads that were started before. Callers are " +
    "fibers for sluice and promises for the other pools.",
  items: tiny.jobs,
  clock: "wall",
  contenders: [
    ofSluice("ThreadPool, prefetch 31", { prefetch: 31 }, addAll),
    ofSluice("ThreadPool", {}, addAll),
    ofSluice("ThreadPool, prefetch 7", { prefetch: 7 }, addAll),
    ...peers(32, { run: addByPeer(tiny) })
  ]
}

const computes: Loops = { callers: 40, jobs: 500 }
// Until then the compiler has not settled, as it would in a minute of such jobs.
const before: Loops = { callers: 64, jobs: 100_000 }
const millisecond = units(1)
const computeAll = {
  first: addBy(before),
  run: (pool: Jobs) => byFibers(computes, () => pool.run.compute(millisecond))
}
const alone = "one call for each thread"

export const threadsCompute: Work = {
  id: "threads-compute",
  title: "ThreadPool, jobs of a millisecond",
  what: "40 callers run 500 jobs that compute for a millisecond, one at a time each, on 2 threads that have run " +
    "100,000 tiny jobs before. The lower bound is one call for each thread, which computes half of the whole.",
  items: computes.jobs,
  clock: "wall",
  contenders: [
    // The main thread may get a processor late, where there are no more of them than threads.
    ofSluice("ThreadPool, prefetch 3", { prefetch: 3 }, computeAll),
    ofSluice("ThreadPool", {}, computeAll),
    ofSluice("ThreadPool, prefetch 1", { prefetch: 1 }, computeAll),
    ofSluice(alone, {}, {
      run: (pool) => byFibers({ callers: size, jobs: size }, () => pool.run.compute(millisecond * computes.jobs / size))
    }),
    ...peers(4, {
      first: addByPeer(before),
      run: (pool) => byPromises(computes, () => pool.run(millisecond, { name: "compute" }))
    })
  ]
}

const large = 64 * 2 ** 20
const transfers = 200
const copies = 5

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
  what: "One caller runs 200 jobs. Each receives 64 MB, changes a byte and returns all of it: moved, or (5 jobs) " +
    "copied.",
  items: transfers,
  clock: "wall",
  contenders: [
    ofSluice("ThreadPool, moved", {}, { run: movedAll }),
    { ...ofSluice("ThreadPool, copied", {}, { run: copiedAll }), items: copies },
    ofPeer("piscina, moved", () => makePiscina({}, "piscinaMove"), { run: movedByPiscina })
  ]
}
