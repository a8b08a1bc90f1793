import type { Stats as LimitStats } from "../adaptiveLimit/model.js"
import type { Stats as GroupStats } from "../group/model.js"
import type { Event, Subject } from "../Observers.js"
import type { Stats as SemaphoreStats } from "../semaphore/model.js"
import type { Gauge } from "./Gauges.js"

/** One counter: the events that it counts, each with its own labels. */
interface Counter {
  readonly id: string
  readonly help: string
  readonly events: Readonly<Partial<Record<Event, Readonly<Record<string, string>>>>>
}

interface Histogram {
  readonly id: string
  readonly help: string
}

/** The metrics of one kind of subject. */
export interface Kind {
  /** The label that has the name of the subject. */
  readonly label: string
  readonly gauges: ReadonlyArray<Gauge>
  readonly counters: ReadonlyArray<Counter>
  /** Of the waits for permits. */
  readonly waits?: Histogram
  /** Of the calls. */
  readonly calls?: Histogram
}

const gauge = (id: string, help: string, read: (stats: never) => number): Gauge => ({
  id,
  type: "Gauge",
  help,
  // The kind of a subject says which statistics it has.
  read: read as Gauge["read"]
})

export const kinds: Readonly<Record<Subject["kind"], Kind>> = {
  semaphore: {
    label: "semaphore",
    gauges: [
      gauge("sluice_semaphore_capacity", "Permits in all", ({ capacity }: SemaphoreStats) => capacity),
      gauge("sluice_semaphore_permits_held", "Permits that are held", ({ held }: SemaphoreStats) => held),
      gauge("sluice_semaphore_waiting", "Requests that wait for permits", ({ waiting }: SemaphoreStats) => waiting)
    ],
    counters: [{
      id: "sluice_semaphore_rejected_total",
      help: "Requests that would have had to wait, and did without",
      events: { rejected: {} }
    }],
    waits: { id: "sluice_semaphore_wait_seconds", help: "Seconds that a request has waited before it was granted" }
  },
  group: {
    label: "group",
    gauges: [
      gauge("sluice_group_active", "Children that run", ({ active }: GroupStats) => active),
      gauge("sluice_group_waiting", "Calls that wait for a place", ({ waiting }: GroupStats) => waiting)
    ],
    counters: [
      { id: "sluice_group_children_started_total", help: "Children that have started", events: { started: {} } },
      {
        id: "sluice_group_children_settled_total",
        help: "Children that have ended, by how they did",
        events: {
          succeeded: { outcome: "succeeded" },
          failed: { outcome: "failed" },
          interrupted: { outcome: "interrupted" }
        }
      }
    ]
  },
  limit: {
    label: "limit",
    gauges: [
      gauge("sluice_limit_value", "Calls that may run at once", ({ limit }: LimitStats) => limit),
      gauge("sluice_limit_in_flight", "Calls that run", ({ inFlight }: LimitStats) => inFlight),
      gauge("sluice_limit_waiting", "Calls that wait for a permit", ({ waiting }: LimitStats) => waiting)
    ],
    counters: [
      {
        id: "sluice_limit_calls_total",
        help: "Calls that have ended, by their outcome",
        events: {
          success: { outcome: "success" },
          overload: { outcome: "overload" },
          ignore: { outcome: "ignore" }
        }
      },
      {
        id: "sluice_limit_changes_total",
        help: "Changes of the limit, by their direction",
        events: { raised: { direction: "up" }, lowered: { direction: "down" } }
      },
      {
        id: "sluice_limit_rejected_total",
        help: "Calls that would have had to wait, and were not made",
        events: { rejected: {} }
      }
    ],
    waits: { id: "sluice_limit_wait_seconds", help: "Seconds that a call has waited for its permit" },
    calls: { id: "sluice_limit_call_seconds", help: "Seconds that a call has taken, without its wait" }
  },
  serving: {
    label: "job",
    gauges: [
      gauge("sluice_durable_running", "Claimed jobs that run", ({ running }: { readonly running: number }) => running),
      gauge(
        "sluice_durable_waiting",
        "Workers that wait for a job of the store",
        ({ waiting }: { readonly waiting: number }) => waiting
      )
    ],
    counters: [
      { id: "sluice_durable_claimed_total", help: "Jobs that were claimed", events: { claimed: {} } },
      {
        id: "sluice_durable_redelivered_total",
        help: "Claimed jobs that were not at their first attempt",
        events: { redelivered: {} }
      },
      {
        id: "sluice_durable_settled_total",
        help: "Claims that have ended, by how they did",
        events: {
          succeeded: { outcome: "succeeded" },
          failed: { outcome: "failed" },
          dead: { outcome: "dead" },
          givenBack: { outcome: "givenBack" },
          skipped: { outcome: "skipped" },
          lost: { outcome: "lost" }
        }
      }
    ]
  },
  lease: {
    label: "limit",
    gauges: [
      gauge("sluice_lease_held", "Permits that this process holds", ({ held }: { readonly held: number }) => held),
      gauge(
        "sluice_lease_waiting",
        "Requests of this process that wait",
        ({ waiting }: { readonly waiting: number }) => waiting
      )
    ],
    counters: [
      { id: "sluice_lease_granted_total", help: "Requests that were granted", events: { granted: {} } },
      { id: "sluice_lease_lost_total", help: "Leases that were lost while their effect ran", events: { lost: {} } }
    ],
    waits: { id: "sluice_lease_wait_seconds", help: "Seconds that a granted request has taken" }
  }
}
