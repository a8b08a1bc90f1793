/** Tells the user something, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`sender: ${text}\n`)
}

/** "20,000" */
export const formatCount = (count: number): string => count.toLocaleString("en")

/** 1 MiB = 1,048,576 bytes. */
export const formatMemory = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

export const formatSeconds = (seconds: number): string => `${seconds.toFixed(1)} s`
