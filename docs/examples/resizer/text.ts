/** Tells the user something, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`resizer: ${text}\n`)
}

/** What the demonstration shows, on standard output. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** "1 image", "2 images" */
export const count = (n: number, one: string): string => `${n.toLocaleString("en")} ${n === 1 ? one : `${one}s`}`
