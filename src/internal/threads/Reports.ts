import { copyOf, uncopied } from "./copy.js"

// In every runtime that has threads, and not among the types of the language.
declare const structuredClone: (value: unknown) => unknown
declare const setTimeout: (task: () => void, millis: number) => unknown
declare const clearTimeout: (timer: unknown) => void

/** A person sees no more than this. */
const intervalMillis = 10

/** The reports of a call that runs: at most one is sent in an interval, and the latest before the end. */
export class Reports {
  private isOver = false
  /** The latest report, which has yet to be sent. */
  private pending: { readonly progress: unknown } | undefined = undefined
  private sentAt = -Infinity
  private timer: unknown = undefined

  constructor(private readonly post: (progress: unknown) => void) {}

  /** Throws if it cannot be cloned. */
  readonly report = (progress: unknown): void => {
    if (this.isOver) return
    // As it is now: the job may change it.
    const copy = copyOf(progress)
    this.pending = { progress: copy === uncopied ? structuredClone(progress) : copy }
    const wait = this.sentAt + intervalMillis - performance.now()
    if (wait <= 0) this.send()
    else this.timer ??= setTimeout(this.send, wait)
  }

  private readonly send = (): void => {
    if (this.timer !== undefined) clearTimeout(this.timer)
    this.timer = undefined
    const { pending } = this
    if (pending === undefined) return
    this.pending = undefined
    this.sentAt = performance.now()
    this.post(pending.progress)
  }

  /** T7: the latest report goes before the result, and none after it. */
  end(): void {
    this.isOver = true
    this.send()
  }
}
