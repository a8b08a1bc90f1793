interface V8 {
  readonly getHeapStatistics: () => { readonly used_heap_size: number }
}
interface Globals {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

/** Returns a function that measures this thread's heap in use, in bytes, garbage included. Only in Node. */
export const heapMeter = (): () => number => {
  const { process } = globalThis as unknown as Globals
  const v8 = process?.getBuiltinModule?.("node:v8") as V8
  return () => v8.getHeapStatistics().used_heap_size
}
