import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import { keepListening } from "../listening.js"
import { Wakes } from "../Wakes.js"
import type { Request, Store } from "./model.js"
import { call, makeIds, parseReply } from "./remote.js"

/**
 * One step: removes each request whose lease is over, acts, and wakes those that fit. Times are in microseconds, by
 * `TIME`. A number above 10 ** 14 is formatted: Lua writes fewer digits.
 *
 * Three keys: a hash with the numbers of the limit and of each request (`n:` its permits, `t:` its token), the line by
 * arrival, and all requests by the end of their leases (F1). A token is at least the time, so tokens grow even if the
 * keys are lost, or have expired (F6).
 *
 * A server that is short of memory may evict one of the keys. Without the hash or the ends the rest is forgotten, too:
 * its holders lose their leases, and its waiters join the line again, as they do without the line.
 */
const step = (act: string): string => `
local main, line, ends = KEYS[1], KEYS[2], KEYS[3]
local id, channel, n, total, lease = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function text(number) return string.format('%.0f', number) end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local permits = tonumber(redis.call('HGET', main, 'permits') or 0)
local held = tonumber(redis.call('HGET', main, 'held') or 0)
local hasMadeRoom = false

local function has(key) return redis.call('EXISTS', key) == 1 end
if has(ends) and not has(main) or not has(ends) and (held > 0 or has(line)) then
  redis.call('DEL', main, line, ends)
  permits, held = 0, 0
end

local function remove(one)
  redis.call('ZREM', ends, one)
  redis.call('ZREM', line, one)
  if redis.call('HEXISTS', main, 't:' .. one) == 1 then held = held - redis.call('HGET', main, 'n:' .. one) end
  redis.call('HDEL', main, 'n:' .. one, 't:' .. one)
  hasMadeRoom = true
end

-- The requests at the head of the line that fit together (F2), and those that became impossible (F4). Looks no further
-- than to the last one: each of many that are woken together is the first one as it asks.
local function admissible(last)
  local found, free, from = {}, permits - held, 0
  while true do
    local some = redis.call('ZRANGE', line, from, from + 31)
    for _, one in ipairs(some) do
      local size = tonumber(redis.call('HGET', main, 'n:' .. one))
      if size <= permits then
        if size > 0 and size > free then return found end
        free = free - size
      end
      found[#found + 1] = one
      if one == last then return found end
    end
    if #some < 32 then return found end
    from = from + 32
  end
end

local function act()
${act}
end

for _, one in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', text(now))) do remove(one) end
local reply = act()
redis.call('HSET', main, 'permits', text(permits), 'held', text(held))
if hasMadeRoom then
  for _, one in ipairs(admissible()) do
    if one ~= id then redis.call('PUBLISH', channel .. string.match(one, '^[^:]*'), one) end
  end
end
local kept = text(math.max(86400000, 2 * lease))
redis.call('PEXPIRE', main, kept)
redis.call('PEXPIRE', line, kept)
redis.call('PEXPIRE', ends, kept)
return reply`

const extend = "redis.call('ZADD', ends, text(now + lease * 1000), id)"

const acquire = step(`
  local token = redis.call('HGET', main, 't:' .. id)
  if token then
    ${extend}
    return 'granted ' .. token
  end
  local isNew = not redis.call('ZSCORE', line, id)
  if isNew and permits ~= total then
    permits = total
    hasMadeRoom = true
  end
  if n > permits then
    if not isNew then remove(id) end
    return 'exceeded ' .. text(permits)
  end
  if isNew then
    redis.call('ZADD', line, redis.call('HINCRBY', main, 'arrivals', 1), id)
    redis.call('HSET', main, 'n:' .. id, n)
  end
  ${extend}
  local found = admissible(id)
  if found[#found] == id then
    token = text(math.max(tonumber(redis.call('HGET', main, 'token') or 0) + 1, now))
    held = held + n
    redis.call('ZREM', line, id)
    redis.call('HSET', main, 'token', token, 't:' .. id, token)
    return 'granted ' .. token
  end
  local first = redis.call('ZRANGE', ends, 0, 0, 'WITHSCORES')
  return 'waiting ' .. redis.call('ZRANK', line, id) .. ' ' .. text(math.ceil((first[2] - now) / 1000))`)

const renew = step(`
  if redis.call('HEXISTS', main, 't:' .. id) == 0 then return 'gone' end
  ${extend}
  return 'held'`)

const release = step(`
  local wasHeld = redis.call('HEXISTS', main, 't:' .. id) == 1
  if wasHeld or redis.call('ZSCORE', line, id) then remove(id) end
  return wasHeld and 'held' or 'gone'`)

/** The same hash tag for all three, so that a cluster has them on one server. */
const keysOf = (prefix: string, limit: string): ReadonlyArray<string> => {
  const key = `${prefix}:{${encodeURIComponent(limit)}}`
  return [key, `${key}:line`, `${key}:ends`]
}

/** A store in Redis. A fiber of the scope receives the wake-ups. */
export const makeRedis = (
  prefix: string,
  poll: number
): Effect.Effect<Store, never, Redis.Redis | Scope.Scope> =>
  Effect.gen(function*() {
    const redis = yield* Redis.Redis
    const wakes = new Wakes()
    const ids = makeIds()
    const wake = `${prefix}:wake:`
    const scriptOf = (lua: string) =>
      redis.eval(
        Redis.script(
          ({ id, lease, limit, permits, total }: Request) => [
            ...keysOf(prefix, limit),
            id,
            wake,
            permits,
            total,
            Math.ceil(lease)
          ],
          { lua, numberOfKeys: 3 }
        ).withReturnType<string>()
      )
    const [acquiring, renewing, releasing] = [scriptOf(acquire), scriptOf(renew), scriptOf(release)]
    yield* keepListening(
      redis.subscribe(wake + ids.channel),
      ({ message }) => wakes.wake(message),
      () => wakes.wakeAll()
    )
    return {
      poll,
      nextId: ids.nextId,
      acquire: (request) => Effect.map(call(request, "acquire", acquiring(request)), parseReply),
      renew: (request) => Effect.map(call(request, "renew", renewing(request)), (reply) => reply === "held"),
      release: (request) => Effect.map(call(request, "release", releasing(request)), (reply) => reply === "held"),
      onWake: wakes.on
    }
  })
