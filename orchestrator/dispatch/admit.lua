-- Whether a call that was just taken may run. Returns one of
--   run
--   parked and when to look again (ms from now)
--   fenced: the consumer does not hold it
--   settled: it was settled before, and is forgotten
--   refused: at the tool's rate its turn comes after its deadline, and it is settled so
-- KEYS: the call's record, the streams of live calls and of jobs, the tool's rate, the parked calls
--       of the queue, the tool's slots and waiting calls, the queue's slots and waiting calls
-- ARGV: group, consumer, lane (live or job), entry, id, deadline, created (epoch s),
--       calls in so many seconds (0 and 0: any),
--       outcome of a refusal, how long to keep the record and what tells of parked calls (s),
--       the asker's channel, calls of the tool at a time, calls of the queue at a time (0: any)
local record, work, jobs, rate, due = unpack(KEYS)
local bounds = {select(6, unpack(KEYS))}
local group, consumer, lane, entry, id, deadline, created, calls, period, refusal, keep, keep_open,
  channel = unpack(ARGV)
local limits = {select(14, unpack(ARGV))}
local parked = table.concat({lane, entry, deadline}, ' ')
calls, period = tonumber(calls), tonumber(period)
local lanes = {live = work, job = jobs}
local stream = lanes[lane]
local now = seconds()

if not holds(stream, group, entry, consumer, 0) then
  return {'fenced', 0}
end
local status, paid = unpack(redis.call('HMGET', record, 'status', 'paid'))

local function forget()
  redis.call('XACK', stream, group, entry)
  redis.call('XDEL', stream, entry)
  release(bounds, lanes, id)
end

local function park(at)
  redis.call('XACK', stream, group, entry)
  redis.call('ZADD', due, at, parked)
  keep_for(due, keep_open)
  return {'parked', math.ceil(math.max(0, at - now) * 1000)}
end

local function full(slots, limit)
  if limit <= 0 then
    return false
  end
  -- No call outlives its deadline: a slot that should have been given back by then is free.
  redis.call('ZREMRANGEBYSCORE', slots, '-inf', now - 1)
  local others = redis.call('ZCARD', slots) - (redis.call('ZSCORE', slots, id) and 1 or 0)
  return others >= limit
end

local function take(slots, waiting, limit)
  redis.call('ZADD', slots, deadline, id)
  keep_for(slots, keep_open)
  -- More may run than before.
  while redis.call('ZCARD', slots) < limit and give(slots, waiting, lanes) do
  end
end

-- It keeps no slot while it waits. Who gets what it had been given must not lead to calls that need
-- both bounds handing slots to each other for ever. So that of the queue goes to the next in the
-- queue's line, but that of the tool only to somebody who comes before this call: without one it
-- is the next of its tool itself, and stands in the queue's line for it, under an entry that no
-- withdrawal deletes.
local function wait(slots, waiting)
  -- A job waits behind every live call.
  local turn = lane == 'job' and created + 1e10 or tonumber(created)
  -- Has it a slot here and finds no room, then fewer may run than before, and nobody gets that slot.
  redis.call('ZREM', slots, id)
  pass_forward(bounds[1], bounds[2], lanes, id, turn)
  pass_on(bounds[3], bounds[4], lanes, id)
  redis.call('ZADD', waiting, turn, parked)
  keep_for(waiting, keep_open)
  return park(redis.call('ZRANGE', slots, 0, 0, 'WITHSCORES')[2] + 1.001)
end

if status == 'settled' then
  forget()
  return {'settled', 0}
end

-- The turns of a rate are booked in the order of asking, one `pace` after another, at most a whole
-- `period` ahead of an even flow. Nobody books a turn that comes too late.
if calls > 0 and not paid then
  local pace = period / calls
  local booked = tonumber(redis.call('GET', rate) or 0)
  local turn = math.max(now, booked - (period - pace))
  if turn > tonumber(deadline) then
    redis.call('HSET', record, 'status', 'settled', 'outcome', refusal)
    redis.call('EXPIRE', record, keep)
    forget()
    tell(channel, id, refusal)
    return {'refused', 0}
  end
  booked = math.max(booked, now) + pace
  redis.call('SET', rate, booked, 'EX', math.ceil(booked - now + period))
  redis.call('HSET', record, 'paid', entry)
  if turn > now then
    return park(turn)
  end
end

-- Only who finds a slot in each bound runs, and nobody keeps one while waiting for another.
for at = 1, #limits do
  if full(bounds[2 * at - 1], tonumber(limits[at])) then
    return wait(bounds[2 * at - 1], bounds[2 * at])
  end
end
for at = 1, #limits do
  if tonumber(limits[at]) > 0 then
    take(bounds[2 * at - 1], bounds[2 * at], tonumber(limits[at]))
  end
end
return {'run', 0}
