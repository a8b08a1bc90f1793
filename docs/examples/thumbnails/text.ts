/** Tells the user something, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`thumbnails: ${text}\n`)
}

/** What happens in the service and its client, on standard output. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** "1 image", "2 images" */
export const count = (n: number, one: string): string => `${n.toLocaleString("en")} ${n === 1 ? one : `${one}s`}`

/** Of an error from elsewhere, the first line says what is wrong. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message.split("\n", 1)[0]! : String(error)
