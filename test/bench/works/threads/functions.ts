/** What the threads of all contenders run. */

export const add = (n: number): number => n + 1

export const forever = (): void => {
  for (;;);
}

const fibonacci = (n: number): number => n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)

/** An amount of work rather than a time: whoever is kept from a processor needs longer for it. */
export const compute = (units: number): number => {
  let sum = 0
  for (let i = 0; i < units; i++) sum += fibonacci(14)
  return sum
}

export const touch = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  bytes[0]!++
  return bytes
}
