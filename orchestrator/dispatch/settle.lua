-- What a worker says that calls came to. Returns for each settled, late, fenced or gone, and tells
-- the askers of those that it has settled.
-- KEYS: the streams of live calls and of jobs, then for each call: its record, its key's record,
--       and, if it may have slots, the tool's slots and waiting calls and the queue's
-- ARGV: group, consumer, how long to keep a record and a key's (s), then for each call:
--       lane (live or job), entry, id, outcome, 1 if it succeeded, when it was taken (epoch s),
--       the asker's channel, 1 if it may have slots
local work, jobs = unpack(KEYS)
local group, consumer, keep, remember = unpack(ARGV)
local lanes = {live = work, job = jobs}
local over = {[work] = {}, [jobs] = {}}  -- entries, which go together at the end

local function settled(record, key, bounds, lane, entry, id, outcome, ok, started, channel)
  local stream = lanes[lane]
  local status, stood, worker, late, fingerprint =
    unpack(redis.call('HMGET', record, 'status', 'outcome', 'worker', 'late', 'fingerprint'))

  -- Said before, by the same worker, whose answer from us was lost.
  if worker == consumer and (stood == outcome or late == outcome) then
    table.insert(over[stream], entry)
    return stood == outcome and 'settled' or 'late'
  end

  -- The fence: the entry is no longer this consumer's.
  local held = holds(stream, group, entry, consumer, 0)
  if held then
    table.insert(over[stream], entry)
    if bounds then
      release(bounds, lanes, id)
    end
  end
  if not status then
    return 'gone'
  end

  -- The effect took place even if nobody waits for it: a later call with this key must know.
  if ok == '1' and fingerprint then
    redis.call('SET', key, fingerprint .. ' ' .. outcome, 'NX', 'EX', remember)
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
for at = 5, #ARGV, 8 do
  local limited = ARGV[at + 7] == '1'
  local bounds = limited and {unpack(KEYS, place + 2, place + 5)}
  table.insert(settlements, settled(KEYS[place], KEYS[place + 1], bounds, unpack(ARGV, at, at + 6)))
  place = place + (limited and 6 or 2)
end
for stream, entries in pairs(over) do
  if #entries > 0 then
    redis.call('XACK', stream, group, unpack(entries))
    redis.call('XDEL', stream, unpack(entries))
  end
end
return settlements
