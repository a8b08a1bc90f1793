import * as Duration from "effect/Duration"
import { checkMillis } from "../args.js"

/**
 * The longest time that each store takes, in milliseconds. SQLite has no date after the year 9999: the engine (4.1)
 * then stores no job, and reports no error. Redis and PostgreSQL refuse numbers that are much greater.
 */
export const longest = Duration.toMillis(Duration.days(36_500))

/** Returns the milliseconds of a time that stores take, above 0. */
export const checkTime = (where: string, argument: string, input: Duration.Input): number =>
  checkMillis(where, argument, input, "a duration above 0 and up to 100 years", (n) => n > 0 && n <= longest)
