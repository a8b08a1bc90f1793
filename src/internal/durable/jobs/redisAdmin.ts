/**
 * The administration of the engine's keys (4.1): the list of what is ready, `:delayed` by when it is due, `:pending` by
 * id for what is claimed, `:failed`, and `:ids`, where an id of the caller's own has the time of its job's completion,
 * and infinity until then. `test/durable/formats.servers.test.ts` fails when the engine changes this.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import { failing } from "../errors.js"
import { Wake } from "../wake.js"
import { Admin, type DeadLetter, pageOf } from "./admin.js"
import { queueTopic } from "./woken.js"

/** A dead letter, as the engine writes it. */
interface Failed {
  readonly id: string
  readonly element: unknown
  readonly attempts: number
  readonly lastFailure: string
  readonly failedAt: number
}

/** One script is one snapshot (D9). */
const counts = Redis.script(
  (queue: string, delayed: string, pending: string, failed: string, ids: string, now: number) => [
    queue,
    delayed,
    pending,
    failed,
    ids,
    now
  ],
  {
    lua: `
local due = redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[1])
return {
  redis.call('LLEN', KEYS[1]) + due,
  redis.call('ZCARD', KEYS[2]) - due,
  redis.call('HLEN', KEYS[3]),
  redis.call('LLEN', KEYS[4]),
  redis.call('ZCOUNT', KEYS[5], '-inf', '(+inf')
}`,
    numberOfKeys: 5
  }
).withReturnType<readonly [number, number, number, number, number]>()

// The element may be anything: only the ends of a record are read, as its id is its first field, and the time its last.
const reading = `
local function id_of(record)
  local i = 8
  while true do
    local byte = string.byte(record, i)
    if byte == 92 then i = i + 2
    elseif byte == 34 then return cjson.decode(string.sub(record, 7, i))
    else i = i + 1 end
    if i > #record then error('sluice: not a dead letter') end
  end
end
local function time_of(record) return tonumber(string.match(record, ',"failedAt":([^,}]+)}$')) end
local records = redis.call('LRANGE', KEYS[1], 0, -1)`

/** In the order of time and id, so that a page begins after the last one, whatever was removed meanwhile. */
const list = Redis.script(
  (failed: string, limit: number, time: number, id: string) => [failed, limit, time, id],
  {
    lua: `${reading}
local after, after_id = tonumber(ARGV[2]), ARGV[3]
local found = {}
for _, record in ipairs(records) do
  local time, id = time_of(record), id_of(record)
  if time > after or (time == after and id > after_id) then found[#found + 1] = { time, id, record } end
end
table.sort(found, function(one, other)
  if one[1] ~= other[1] then return one[1] < other[1] end
  return one[2] < other[2]
end)
local page = {}
for i = 1, math.min(#found, tonumber(ARGV[1])) do page[i] = found[i][3] end
return page`,
    numberOfKeys: 1
  }
).withReturnType<ReadonlyArray<string>>()

const find = Redis.script((failed: string, id: string) => [failed, id], {
  lua: `${reading}
for _, record in ipairs(records) do
  if id_of(record) == ARGV[1] then return record end
end
return false`,
  numberOfKeys: 1
}).withReturnType<string | null>()

// By the whole record: of two at a time, one finds it.
const requeue = Redis.script(
  (failed: string, queue: string, record: string, payload: string) => [failed, queue, record, payload],
  {
    lua: `
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
return redis.call('RPUSH', KEYS[2], ARGV[2])`,
    numberOfKeys: 2
  }
).withReturnType<number>()

const remove = Redis.script((failed: string, ids: string, record: string, id: string) => [failed, ids, record, id], {
  lua: `
local removed = redis.call('LREM', KEYS[1], 1, ARGV[1])
if removed == 1 then redis.call('ZREM', KEYS[2], ARGV[2]) end
return removed`,
  numberOfKeys: 2
}).withReturnType<number>()

const parse = (record: string): Failed => JSON.parse(record) as Failed

const letterOf = (record: string): DeadLetter => {
  const { attempts, element, failedAt, id, lastFailure } = parse(record)
  return { id, payload: element, attempts, failure: lastFailure, failedAt }
}

const cursorOf = (record: string): string => {
  const { failedAt, id } = parse(record)
  return `${failedAt} ${id}`
}

export const redisAdmin = Effect.fnUntraced(function*(prefix: string) {
  const redis = yield* Redis.Redis
  const wake = yield* Wake
  const [counting, listing, finding, requeueing, removing] = [
    redis.eval(counts),
    redis.eval(list),
    redis.eval(find),
    redis.eval(requeue),
    redis.eval(remove)
  ]
  const keyOf = (queue: string, part = ""): string => `${prefix}${queue}${part}`
  const act = (
    operation: string,
    queue: string,
    id: string,
    onFound: (record: string) => Effect.Effect<boolean, unknown>
  ) =>
    finding(keyOf(queue, ":failed"), id).pipe(
      Effect.flatMap((record) => record === null ? Effect.succeed(false) : onFound(record)),
      Effect.mapError(failing(operation, queue))
    )
  return Admin.of({
    counts: (queue) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        counting(
          keyOf(queue),
          keyOf(queue, ":delayed"),
          keyOf(queue, ":pending"),
          keyOf(queue, ":failed"),
          keyOf(queue, ":ids"),
          now
        )).pipe(
          Effect.map(([ready, delayed, claimed, failed, completed]) => ({
            stored: ready + delayed + claimed + completed + failed,
            ready,
            delayed,
            claimed,
            completed,
            failed
          })),
          Effect.mapError(failing("Admin.counts", queue))
        ),
    deadLetters: (queue, limit, after) => {
      const space = after?.indexOf(" ") ?? 0
      const [time, id] = after === undefined ? [-1, ""] : [Number(after.slice(0, space)), after.slice(space + 1)]
      return listing(keyOf(queue, ":failed"), limit + 1, time, id).pipe(
        Effect.map((records) => pageOf(records, limit, letterOf, cursorOf)),
        Effect.mapError(failing("Admin.deadLetters", queue))
      )
    },
    isDead: (queue, id) => act("Admin.isDead", queue, id, () => Effect.succeed(true)),
    requeue: (queue, id) =>
      act("Admin.requeue", queue, id, (record) => {
        const { element } = parse(record)
        const requeued = requeueing(keyOf(queue, ":failed"), keyOf(queue), record, JSON.stringify({ id, element }))
        return Effect.tap(
          Effect.map(requeued, (found) => found > 0),
          (found) => found ? wake.notify(queueTopic(queue)) : Effect.void
        )
      }),
    remove: (queue, id) =>
      act(
        "Admin.remove",
        queue,
        id,
        (record) =>
          Effect.map(removing(keyOf(queue, ":failed"), keyOf(queue, ":ids"), record, id), (found) => found > 0)
      )
  })
})
