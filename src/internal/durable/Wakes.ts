/** The waiters of this process that a server may wake, by their keys. */
export class Wakes {
  private readonly wakes = new Map<string, Set<(from: string) => void>>()

  readonly on = (key: string, wake: (from: string) => void): () => void => {
    const known = this.wakes.get(key) ?? new Set()
    this.wakes.set(key, known.add(wake))
    return () => {
      known.delete(wake)
      if (known.size === 0 && this.wakes.get(key) === known) this.wakes.delete(key)
    }
  }

  /** `from`: who wakes. Nobody may wait for the key any more: then nobody is woken. Runs fibers. */
  wake(key: string, from = ""): void {
    for (const wake of [...this.wakes.get(key) ?? []]) wake(from)
  }

  /** For a connection that was lost: wake-ups may have been lost with it. Runs fibers. */
  wakeAll(): void {
    for (const key of [...this.wakes.keys()]) this.wake(key)
  }
}
