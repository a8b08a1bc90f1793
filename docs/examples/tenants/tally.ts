import type { Tenant, Tenants } from "./tenant.js"

/** How many answers of each kind a tenant has had. */
export type Counts = Readonly<Record<string, number>>

/** Counts the answers by tenant, which the pool, who knows of jobs only, does not. */
export const makeTally = (tenants: Tenants) => {
  const counts = new Map([...tenants.values()].map((tenant) => [tenant, new Map<string, number>()]))
  return {
    add: (tenant: Tenant, status: number | string): void => {
      const own = counts.get(tenant)
      own?.set(String(status), (own.get(String(status)) ?? 0) + 1)
    },
    read: (): Readonly<Record<string, { readonly plan: string; readonly answers: Counts }>> =>
      Object.fromEntries(
        [...counts].map(([{ name, plan }, own]) => [name, { plan: plan.name, answers: Object.fromEntries(own) }])
      )
  }
}
