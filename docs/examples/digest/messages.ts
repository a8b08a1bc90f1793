/** Tells the user something, on standard error. */
export const say = (message: string): void => {
  process.stderr.write(`digest: ${message}\n`)
}

/** "1 file", "2,000 files" */
export const formatCount = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`

const units = ["B", "kB", "MB", "GB", "TB"] as const

/** As disks and networks count: 1 MB = 1,000,000 bytes. */
export const formatBytes = (bytes: number): string => format(bytes, 1000, units)

const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB"] as const

/** As memory is counted, and `--budget` too: 1 MiB = 1,048,576 bytes. */
export const formatMemory = (bytes: number): string => format(bytes, 1024, binaryUnits)

const format = (bytes: number, base: number, units: ReadonlyArray<string>): string => {
  let value = bytes
  let unit = 0
  while (value >= base && unit < units.length - 1) {
    value /= base
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
