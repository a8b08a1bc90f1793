import { checkNumber } from "../args.js"

const isLevel = (n: number): boolean => Number.isSafeInteger(n) && n >= 0 && n <= 1_000_000

/** Checks the level of a priority (P14), and returns it. */
export const checkLevel = (operation: string, argument: string, level: number): number =>
  checkNumber(operation, argument, level, "an integer from 0 to 1000000", isLevel)
