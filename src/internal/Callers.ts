/** Requests a turn of the event loop for a task. */
export type Request = (task: () => void) => void

/**
 * Callers whose wait is over in the books, and whose fibers have not gone on yet.
 *
 * One rule says when they go on: now, if that is the only way to keep what they feed busy; else in the next turn. A
 * caller in a loop, woken for each place that becomes free, would suspend again each time. A turn later more places are
 * free, and it fills several.
 */
export class Callers<Caller> {
  private served: Array<Caller> = []
  /** The callers for whom a turn has been requested. */
  private awaited: Array<Caller> | undefined = undefined

  constructor(private readonly goOn: (caller: Caller) => void) {}

  get first(): Caller | undefined {
    return this.served[0]
  }

  add(caller: Caller): void {
    this.served.push(caller)
  }

  /** Lets all of them go on, now or in the turn that `request` requests. Runs fibers. */
  wake(isNow: boolean, request: Request): void {
    const { served } = this
    if (served.length === 0) return
    if (isNow) return this.wakeAll()
    if (this.awaited === served) return
    this.awaited = served
    request(() => {
      if (this.served === served) this.wakeAll()
    })
  }

  /**
   * Lets all of them go on in the turn that `request` requests, and not before: an interrupt made room for them, and
   * may be about to reach them, too.
   */
  defer(request: Request): void {
    const { served } = this
    if (served.length === 0) return
    this.served = []
    request(() => this.letGoOn(served))
  }

  private wakeAll(): void {
    const { served } = this
    this.served = []
    this.letGoOn(served)
  }

  private letGoOn(callers: ReadonlyArray<Caller>): void {
    for (const caller of callers) this.goOn(caller)
  }
}
