/** What a tenant has paid for. */
export interface Plan {
  readonly name: string
  /** How many calls it may start in its turn at the workers. */
  readonly weight: number
  readonly quota: Quota
}

/** A bucket of `limit` tokens, one for each call, that is full again after so many `seconds`. */
export interface Quota {
  readonly limit: number
  readonly seconds: number
}

export interface Tenant {
  readonly name: string
  readonly plan: Plan
}

/** Those who may call, by their API keys. */
export type Tenants = ReadonlyMap<string, Tenant>

export const plans = {
  free: { name: "free", weight: 1, quota: { limit: 300, seconds: 60 } },
  team: { name: "team", weight: 2, quota: { limit: 1000, seconds: 60 } },
  business: { name: "business", weight: 5, quota: { limit: 5000, seconds: 60 } }
} as const satisfies Record<string, Plan>
