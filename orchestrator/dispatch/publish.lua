-- Record and signal of a call in one act. Returns the outcome if there is one already, and tells it.
-- KEYS: the call's record, its key's record, the stream of its lane
-- ARGV: id, request, fingerprint of the arguments, outcome for a conflict,
--       how long to keep the record while it is open, and once it is settled (s),
--       how many entries the stream may have before this one (0: any), outcome when it has more,
--       the asker's channel
local record, key, work = KEYS[1], KEYS[2], KEYS[3]
local id, request, fingerprint, conflict, keep_open, keep, backlog, busy, channel = unpack(ARGV)
keep_open, keep = math.ceil(keep_open), math.ceil(keep)

if redis.call('EXISTS', record) == 1 then
  local stood = redis.call('HGET', record, 'outcome')
  if stood then
    tell(channel, id, stood)
  end
  return stood
end

local outcome = false
local known = redis.call('GET', key)  -- a fingerprint, a space, an outcome
if known then
  outcome = string.find(known, fingerprint .. ' ', 1, true) == 1
    and string.sub(known, #fingerprint + 2) or conflict
elseif tonumber(backlog) > 0 and redis.call('XLEN', work) >= tonumber(backlog) then
  outcome = busy
end
if outcome then
  redis.call('HSET', record, 'request', request, 'status', 'settled', 'outcome', outcome,
    'fingerprint', fingerprint)
  redis.call('EXPIRE', record, keep)
  tell(channel, id, outcome)
  return outcome
end

local entry = redis.call('XADD', work, '*', 'call', id, 'request', request)
redis.call('HSET', record, 'request', request, 'entry', entry, 'status', 'open',
  'fingerprint', fingerprint)
redis.call('EXPIRE', record, keep_open)
return false
