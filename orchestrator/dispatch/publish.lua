-- Record and signal of a call in one act. Returns the outcome if there is one already.
-- KEYS: the call's record, its key's record, the work stream
-- ARGV: id, request, fingerprint of the arguments, outcome for a conflict,
--       how long to keep the record while it is open, and once it is settled (s)
local record, key, work = KEYS[1], KEYS[2], KEYS[3]
local id, request, fingerprint, conflict, keep_open, keep = unpack(ARGV)

if redis.call('EXISTS', record) == 1 then
  return redis.call('HGET', record, 'outcome')
end

local arguments, outcome = unpack(redis.call('HMGET', key, 'arguments', 'outcome'))
if outcome then
  if arguments ~= fingerprint then
    outcome = conflict
  end
  redis.call('HSET', record, 'request', request, 'status', 'settled', 'outcome', outcome)
  redis.call('EXPIRE', record, keep)
  return outcome
end

local entry = redis.call('XADD', work, '*', 'call', id, 'request', request)
redis.call('HSET', record, 'request', request, 'entry', entry, 'status', 'open')
redis.call('EXPIRE', record, keep_open)
return false
