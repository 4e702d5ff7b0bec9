-- What a worker says that calls came to. Returns for each settled, late, fenced or gone, and tells
-- the askers of those that it has settled.
-- KEYS: the streams of live calls and of jobs, then for each call: its record, its key's record,
--       and, if it may have slots, the tool's slots and waiting calls and the queue's
-- ARGV: group, consumer, how long to keep a record and a key's (s), then for each call:
--       lane (live or job), entry, id, outcome, 1 if it succeeded, fingerprint of the arguments,
--       when it was taken (epoch s), the asker's channel, 1 if it may have slots
local work, jobs = unpack(KEYS)
local group, consumer, keep, remember = unpack(ARGV)
local lanes = {live = work, job = jobs}

local function settled(record, key, bounds, lane, entry, id, outcome, ok, fingerprint, started, channel)
  local stream = lanes[lane]
  local status, stood, worker, late = unpack(redis.call('HMGET', record, 'status', 'outcome', 'worker', 'late'))

  -- Said before, by the same worker, whose answer from us was lost.
  if worker == consumer and stood == outcome then
    return 'settled'
  elseif worker == consumer and late == outcome then
    return 'late'
  end

  -- The fence: the entry is no longer this consumer's.
  local held = taken(stream, group, entry, consumer, 0)
  if held then
    redis.call('XDEL', stream, entry)
    if bounds then
      release(bounds, lanes, id)
    end
  end
  if not status then
    return 'gone'
  end

  -- The effect took place even if nobody waits for it: a later call with this key must know.
  if ok == '1' and redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'arguments', fingerprint, 'outcome', outcome)
    redis.call('EXPIRE', key, remember)
  end

  if not held then
    redis.call('HSET', record, 'late', late or outcome)
    return 'fenced'
  end
  if status == 'settled' then
    redis.call('HSET', record, 'worker', consumer, 'started', started, 'late', outcome)
    return 'late'
  end
  redis.call('HSET', record, 'worker', consumer, 'started', started, 'status', 'settled', 'outcome', outcome)
  redis.call('EXPIRE', record, keep)
  tell(channel, id, outcome)
  return 'settled'
end

local settlements, place = {}, 3
for at = 5, #ARGV, 9 do
  local limited = ARGV[at + 8] == '1'
  local bounds = limited and {unpack(KEYS, place + 2, place + 5)}
  table.insert(settlements, settled(KEYS[place], KEYS[place + 1], bounds, unpack(ARGV, at, at + 7)))
  place = place + (limited and 6 or 2)
end
return settlements
