/** Tells the user something, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`webhooks: ${text}\n`)
}

/** "20,000" */
export const formatCount = (count: number): string => count.toLocaleString("en")

/** "12 ms", "1.5 s" */
export const formatMillis = (millis: number): string =>
  millis < 1000 ? `${millis.toFixed(0)} ms` : `${(millis / 1000).toFixed(1)} s`
