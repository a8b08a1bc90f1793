/** The checks that have passed, counted by kind, and the failures. */
const counts = new Map()
const failures = []

/** Counts one check. `detail` says what was seen when it failed. */
export const check = (kind, isTrue, detail) => {
  counts.set(kind, (counts.get(kind) ?? 0) + 1)
  if (isTrue) return
  failures.push(`${kind}: ${detail}`)
  console.log(`FAILED ${kind}: ${detail}`)
}

/** Prints the counts. True when nothing failed. */
export const close = (seconds) => {
  for (const [kind, count] of counts) console.log(`${String(count).padStart(6)}  ${kind}`)
  const sum = [...counts.values()].reduce((one, other) => one + other, 0)
  console.log(`\n${sum} checks, ${failures.length} failed, ${seconds} s`)
  return failures.length === 0
}

/** Runs `each` for all items, `width` at a time. */
export const inTurns = async (items, width, each) => {
  const left = [...items]
  const lane = async (index) => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await each(item, index)
  }
  await Promise.all(Array.from({ length: width }, (_, index) => lane(index)))
}
