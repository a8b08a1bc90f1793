/**
 * `setImmediate`, before Effect is loaded. Effect yields with it where it is there, and otherwise by `setTimeout(0)`,
 * which browsers delay by 4 ms when timers are nested. Here too: how many timers are set, to know when a program ends.
 */

const tasks = new Map<number, () => void>()
const { port1, port2 } = new MessageChannel()
let last = 0

port1.onmessage = ({ data }: MessageEvent<number>) => {
  const task = tasks.get(data)
  tasks.delete(data)
  task?.()
}

const timers = new Set<number>()
const set = globalThis.setTimeout.bind(globalThis)
const clear = globalThis.clearTimeout.bind(globalThis)
const setRepeated = globalThis.setInterval.bind(globalThis)

/** In Node, `unref` lets the process end before the timer. There is no process here. */
Object.assign(globalThis, {
  setImmediate: (f: (...args: ReadonlyArray<unknown>) => void, ...args: ReadonlyArray<unknown>) => {
    const id = ++last
    tasks.set(id, () => f(...args))
    port2.postMessage(id)
    return id
  },
  clearImmediate: (id: number) => void tasks.delete(id),
  setTimeout: (f: (...args: ReadonlyArray<unknown>) => void, millis?: number, ...args: ReadonlyArray<unknown>) => {
    const id = set(() => {
      timers.delete(id)
      f(...args)
    }, millis) as unknown as number
    timers.add(id)
    return id
  },
  clearTimeout: (id: number) => {
    timers.delete(id)
    clear(id)
  },
  setInterval: (f: () => void, millis?: number) => {
    const id = setRepeated(f, millis) as unknown as number
    timers.add(id)
    return id
  },
  clearInterval: (id: number) => {
    timers.delete(id)
    clear(id)
  }
})

/** A turn of the event loop that `isIdle` does not count. */
const turn = () => new Promise<void>((resolve) => void set(resolve, 0))

/** Waits until no timer is set, and nothing is about to run. */
export const idle = async (): Promise<void> => {
  for (let quiet = 0; quiet < 3; quiet++) {
    await turn()
    if (tasks.size + timers.size > 0) quiet = -1
  }
}
