/** Tells the user something, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`etl: ${text}\n`)
}

/** "20,000" */
export const formatCount = (count: number): string => count.toLocaleString("en")

/** 1 MB = 1,000,000 bytes. */
export const formatMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
