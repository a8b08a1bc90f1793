/** Tells the user something, on standard error. */
export const say = (text: string): void => {
  process.stderr.write(`tenants: ${text}\n`)
}

/** What happens to the calls, on standard output. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** "1 call", "2 calls" */
export const count = (n: number, one: string): string => `${n.toLocaleString("en")} ${n === 1 ? one : `${one}s`}`
