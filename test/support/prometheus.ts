/**
 * A strict parser of Prometheus's text format, version 0.0.4, by its documentation. Parsers that are made to scrape are
 * not strict. A text that the format does not allow throws: a sample without a type before it, a name or a label that
 * is none, an escape that is none, a series twice, a family in two parts, and a histogram that does not add up.
 */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricFamily {
  readonly name: string
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped"
  readonly help: string | undefined
  readonly samples: ReadonlyArray<Sample>
}

const types = ["counter", "gauge", "histogram", "summary", "untyped"] as const
const numberPattern = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/

const numberOf = (text: string): number => {
  if (!numberPattern.test(text)) throw new Error(`no number: ${text}`)
  return Number(text.replace("Inf", "Infinity"))
}

const labelsOf = (text: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== "") {
    const match = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest)
    if (match === null) throw new Error(`no label: ${rest}`)
    const [whole, label = "", value = ""] = match
    if (label in labels) throw new Error(`the label ${label} twice`)
    labels[label] = value.replaceAll(/\\(.)/g, (_, escaped: string) => escaped === "n" ? "\n" : escaped)
    rest = rest.slice(whole.length)
  }
  return labels
}

const suffixes = { histogram: ["_bucket", "_sum", "_count"], summary: ["", "_sum", "_count"] }

const belongs = (name: string, { name: family, type }: MetricFamily): boolean =>
  type === "histogram" || type === "summary"
    ? suffixes[type].some((suffix) => name === `${family}${suffix}`)
    : name === family

export const parse = (text: string): ReadonlyArray<MetricFamily> => {
  if (!text.endsWith("\n")) throw new Error("the last line has no end")
  const families: Array<MetricFamily & { readonly samples: Array<Sample> }> = []
  const seen = new Set<string>()
  let help: { readonly name: string; readonly text: string } | undefined = undefined
  for (const line of text.slice(0, -1).split("\n")) {
    const [, comment, about = "", rest = ""] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line) ?? []
    if (comment === "HELP") {
      help = { name: about, text: rest }
    } else if (comment === "TYPE") {
      const type = types.find((type) => type === rest)
      if (type === undefined) throw new Error(`no type: ${line}`)
      if (families.some(({ name }) => name === about)) throw new Error(`${about} is in two parts`)
      families.push({ name: about, type, help: help?.name === about ? help.text : undefined, samples: [] })
    } else {
      const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (sample === null) throw new Error(`no sample: ${line}`)
      const [, name = "", labels = "", value = ""] = sample
      const family = families.at(-1)
      if (family === undefined || !belongs(name, family)) throw new Error(`a sample that has no type: ${line}`)
      const key = JSON.stringify([name, Object.entries(labelsOf(labels)).sort()])
      if (seen.has(key)) throw new Error(`twice: ${line}`)
      seen.add(key)
      family.samples.push({ name, labels: labelsOf(labels), value: numberOf(value) })
    }
  }
  for (const family of families) if (family.type === "histogram") checkHistogram(family)
  return families
}

/** Its buckets rise, and the last one has them all. */
const checkHistogram = ({ name, samples }: MetricFamily): void => {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`)
  const counts = samples.filter((sample) => sample.name === `${name}_count`)
  for (const { labels, value } of counts) {
    const own = buckets.filter((bucket) =>
      Object.entries(labels).every(([label, value]) => bucket.labels[label] === value)
    )
    const bounds = own.map(({ labels }) => numberOf(labels["le"] ?? ""))
    const rising = own.every(({ value }, i) => i === 0 || (value >= own[i - 1]!.value && bounds[i]! > bounds[i - 1]!))
    if (!rising || bounds.at(-1) !== Infinity || own.at(-1)?.value !== value) throw new Error(`${name} does not add up`)
  }
}
