import * as Duration from "effect/Duration"

/**
 * The longest time that each store takes, in milliseconds. SQLite has no date after the year 9999: the engine (4.1)
 * then stores no job, and reports no error. Redis and PostgreSQL refuse numbers that are much greater.
 */
export const longest = Duration.toMillis(Duration.days(36_500))
