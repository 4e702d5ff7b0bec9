-- What the acts below share: this text stands before theirs.
--
-- A call that may not run yet is *parked*: acknowledged, so that no consumer holds it, but still in
-- its stream, where it counts as waiting and a withdrawal finds it. A parked call, one whose worker
-- died and one that is handed back all go round again in one way: as a new entry at the end.
-- Its field `deliveries` says how often it was delivered before, and that its record must be read.

-- A parked call as a member of a sorted set: lane (live or job), entry and deadline (epoch s).
local PARKED = '^(%a+) (%S+) (%S+)$'

-- One entry goes round again. Returns its fields, or nil if it was deleted.
local function again(stream, entry, deliveries)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  if not found then
    return nil
  end
  local fields = {}
  for at = 1, #found[2], 2 do
    fields[found[2][at]] = found[2][at + 1]
  end
  redis.call('XDEL', stream, entry)
  redis.call('XADD', stream, '*', 'call', fields.call, 'request', fields.request,
    'deliveries', deliveries or fields.deliveries or 0)
  return fields
end

-- What may run at a time is bounded for a tool and for a queue: two sorted sets each, who has a
-- slot and who waits for one. This gives one to the call that has waited longest, if any waits.
local function give(slots, waiting, lanes)
  while true do
    local first = redis.call('ZPOPMIN', waiting)[1]
    if not first then
      return false
    end
    local lane, entry, deadline = string.match(first, PARKED)
    local fields = again(lanes[lane], entry)
    if fields then
      redis.call('ZADD', slots, deadline, fields.call)
      return true
    end
  end
end

local function pass_on(slots, waiting, lanes, id)
  if redis.call('ZREM', slots, id) == 1 then
    give(slots, waiting, lanes)
  end
end

-- To a call whose turn is before this one's, or to nobody.
local function pass_forward(slots, waiting, lanes, id, turn)
  local first = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
  if first and tonumber(first) < turn then
    pass_on(slots, waiting, lanes, id)
  else
    redis.call('ZREM', slots, id)
  end
end

-- A call is over. `bounds` are slots and waiting calls, of the tool, of the queue. The next of its
-- tool comes even if it had no slot there: it may have stood in the queue's line for one.
local function release(bounds, lanes, id)
  redis.call('ZREM', bounds[1], id)
  give(bounds[1], bounds[2], lanes)
  pass_on(bounds[3], bounds[4], lanes, id)
end

-- Whether an entry is pending for that consumer and has been idle for so long (ms).
-- An error means that there is no group.
local function holds(stream, group, entry, holder, idle)
  local pending = redis.pcall('XPENDING', stream, group, 'IDLE', idle, entry, entry, 1, holder)
  return not pending.err and #pending > 0
end

-- Takes it from its holder then.
local function taken(stream, group, entry, holder, idle)
  local held = holds(stream, group, entry, holder, idle)
  if held then
    redis.call('XACK', stream, group, entry)
  end
  return held
end

-- A key is kept for as long as any of its members wants (s), not only the newest.
local function keep_for(key, time)
  redis.call('EXPIRE', key, time, 'NX')
  redis.call('EXPIRE', key, time, 'GT')
end

local function seconds()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1000000
end
