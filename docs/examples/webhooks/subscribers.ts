/** What a subscriber does with an event. */
export const kinds = ["quick", "slow", "flaky", "failing", "hanging"] as const

export type Kind = (typeof kinds)[number]

export interface Mix {
  readonly subscribers: number
  /** How many of them take their time, fail at first, always fail, and never answer. The others are quick. */
  readonly slow: number
  readonly flaky: number
  readonly failing: number
  readonly hanging: number
}

/** The kind of each subscriber, by its number. Those that are not quick are spread evenly. */
export const kindsOf = (mix: Mix): ReadonlyArray<Kind> => {
  const others = kinds.flatMap((kind) => kind === "quick" ? [] : new Array<Kind>(mix[kind]).fill(kind))
  const all = new Array<Kind>(mix.subscribers).fill("quick")
  others.forEach((kind, i) => {
    all[Math.floor(i * mix.subscribers / others.length)] = kind
  })
  return all
}
