-- A call that nobody will run (again). Returns the outcome if this settled it, and tells it.
-- KEYS: the call's record, the streams of live calls and of jobs, the dead letters of the queue,
--       the tool's slots and waiting calls, the queue's
-- ARGV: group, holder, lane (live or job), entry, for how long it must have been idle (ms), id,
--       outcome, how long to keep the record (s), the asker's channel,
--       then, only to make a dead letter of it, which what was settled before never is:
--       request, reason (words for people), deliveries
local record, work, jobs, dead = unpack(KEYS)
local group, holder, lane, entry, idle, id, outcome, keep, channel, request, reason, deliveries =
  unpack(ARGV)
local lanes = {live = work, job = jobs}
local stream = lanes[lane]
-- A record of another type is none: somebody must be able to end what nobody can settle.
local status, stood = unpack(redis.pcall('HMGET', record, 'status', 'outcome'))

if not taken(stream, group, entry, holder, idle) then
  return stood == outcome and outcome
end
redis.call('XDEL', stream, entry)
release({select(5, unpack(KEYS))}, lanes, id)
if status == 'settled' then
  return false
end
if reason then
  redis.call('XADD', dead, '*', 'call', id, 'request', request, 'reason', reason,
    'deliveries', deliveries, 'worker', holder)
end
if status then
  redis.call('HSET', record, 'status', 'settled', 'outcome', outcome, 'worker', holder)
  redis.call('EXPIRE', record, keep)
  tell(channel, id, outcome)
  return outcome
end
return false
