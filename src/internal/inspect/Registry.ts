import { type Detail, type View, type Viewable, type Watch } from "../view.js"
import { annotationsOf } from "./interruptions.js"
import { viewsOf } from "./views.js"

const isWaitedFor = ({ waits }: View): boolean => waits.some(({ who }) => who !== "event")

/**
 * The resources that are known while somebody watches, and since when each wait is known.
 *
 * A resource that nobody waits for may be collected. One that is waited for is held, or a deadlock could vanish before
 * it is seen (I6).
 */
export class Registry implements Watch {
  private resources: Array<WeakRef<Viewable>> = []
  /** Only held, so that they are not collected. */
  private waitedFor: ReadonlyArray<Viewable> = []
  /** Resources of which the last sweep did not see all holds. */
  private unseen: ReadonlyArray<WeakRef<Viewable>> = []
  private readonly seen = new WeakMap<object, number>()
  sweptAt: number
  readonly startedAt: number

  /** `now`: milliseconds since 1970, of a clock that nobody sets back. */
  constructor(readonly now: () => number) {
    this.startedAt = this.sweptAt = now()
  }

  appeared(self: Viewable): void {
    this.resources.push(new WeakRef(self))
  }

  readonly cancelled = annotationsOf

  /** Resources that were there before anybody watched. */
  adopt(resources: Iterable<Viewable>): void {
    const known = new Set(this.resources.map((ref) => ref.deref()))
    for (const resource of resources) if (!known.has(resource)) this.appeared(resource)
  }

  views(detail: Exclude<Detail, "sweep">): ReadonlyArray<View> {
    return this.resources.flatMap((ref) => viewsOf(ref.deref(), detail))
  }

  /** The views of all that is waited for. Notes when each wait was first seen. O(resources + holds + waits). */
  sweep(): ReadonlyArray<View> {
    const now = this.sweptAt = this.now()
    const views: Array<View> = []
    const live: Array<WeakRef<Viewable>> = []
    const waitedFor: Array<Viewable> = []
    const unseen: Array<WeakRef<Viewable>> = []
    for (const ref of this.resources) {
      const resource = ref.deref()
      if (resource === undefined) continue
      live.push(ref)
      const own = viewsOf(resource, "sweep")
      if (own.some(isWaitedFor)) waitedFor.push(resource)
      // Of a keyed semaphore, a sweep sees the keys that somebody waits for.
      if (own.length !== 1) unseen.push(ref)
      for (const view of own) {
        views.push(view)
        this.note(view, now)
      }
    }
    this.resources = live
    this.waitedFor = waitedFor
    this.unseen = unseen
    return views
  }

  /** The views of resources that nobody waited for at the last sweep. O(their holds). */
  readonly idle = (): ReadonlyArray<View> => this.unseen.flatMap((ref) => viewsOf(ref.deref(), "all"))

  private note({ jobs = [], lines, threads = [], waits }: View, now: number): void {
    for (const { holds } of lines) for (const { key, since } of holds) if (since === undefined) this.see(key, now)
    for (const { key } of waits) this.see(key, now)
    for (const { node } of jobs) this.see(node, now)
    for (const { calls } of threads) for (const { key } of calls) this.see(key, now)
  }

  private see(key: object, now: number): void {
    if (!this.seen.has(key)) this.seen.set(key, now)
  }

  /** How many resources are held, since somebody waits for them. */
  get held(): number {
    return this.waitedFor.length
  }

  readonly since = (key: object): number | undefined => this.seen.get(key)
}
