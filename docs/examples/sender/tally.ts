import { getHeapStatistics } from "node:v8"
import type { Ended, Progress } from "./protocol.js"

/** What the sending process has done so far, and the memory it took. */
export class Tally {
  sent = 0
  gaveUp = 0
  aborted = 0
  returned = 0
  connections = 0
  reconnects = 0
  failure: string | undefined = undefined
  readonly refusals: Record<string, number> = {}
  /** What is under way, if it is the pool that knows. */
  load = () => ({ running: 0, queued: 0 })

  private readonly started = performance.now()
  private readonly heapBefore = heapUsed()
  private peakHeap = this.heapBefore

  messageSent(): void {
    this.sent++
    // A timer alone would miss what happens while everything happens at once.
    if (this.sent % 64 === 0) this.look()
  }

  refused(code: string): void {
    this.refusals[code] = (this.refusals[code] ?? 0) + 1
  }

  /** Returns the heap in use, garbage included, in bytes. */
  look(): number {
    const heap = heapUsed()
    this.peakHeap = Math.max(this.peakHeap, heap)
    return heap
  }

  get progress(): Progress {
    return { type: "progress", sent: this.sent, heap: this.look(), ...this.load() }
  }

  get ended(): Ended {
    this.look()
    return {
      type: "ended",
      sent: this.sent,
      gaveUp: this.gaveUp,
      aborted: this.aborted,
      returned: this.returned,
      seconds: (performance.now() - this.started) / 1000,
      heapBefore: this.heapBefore,
      peakHeap: this.peakHeap,
      // The system's own peak, in KiB.
      peakMemory: process.resourceUsage().maxRSS * 1024,
      connections: this.connections,
      reconnects: this.reconnects,
      refusals: this.refusals,
      failure: this.failure
    }
  }
}

// Not process.memoryUsage: on Linux that opens a file, and the naive version has no descriptor to spare.
const heapUsed = (): number => getHeapStatistics().used_heap_size
