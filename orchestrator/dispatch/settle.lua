-- What a worker says that a call came to. Returns settled, late, fenced or gone.
-- KEYS: the call's record, its key's record, the streams of live calls and of jobs,
--       the tool's slots and its waiting calls, of a call that has a limit
-- ARGV: group, consumer, lane (live or job), entry, id, outcome, 1 if it succeeded,
--       fingerprint of the arguments, when the call was taken (epoch s),
--       how long to keep the record and the key's (s)
local record, key, work, jobs, slots, waiting = unpack(KEYS)
local group, consumer, lane, entry, id, outcome, ok, fingerprint, started, keep, remember = unpack(ARGV)
local lanes = {live = work, job = jobs}
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
  if slots then
    release(slots, waiting, lanes, id)
  end
end
if not status then
  return 'gone'
elseif not held then
  return 'fenced'
end

-- The effect took place even if nobody waits for it: a later call with this key must know.
if ok == '1' and redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'arguments', fingerprint, 'outcome', outcome)
  redis.call('EXPIRE', key, remember)
end

redis.call('HSET', record, 'worker', consumer, 'started', started)
if status == 'settled' then
  redis.call('HSET', record, 'late', outcome)
  return 'late'
end
redis.call('HSET', record, 'status', 'settled', 'outcome', outcome)
redis.call('EXPIRE', record, keep)
return 'settled'
