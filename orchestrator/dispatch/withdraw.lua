-- The asking side stops waiting; or (if `asking` is 1) it asks whoever runs the call to stop, and
-- stops waiting only if nobody does. Returns the outcome that stands, false if it is still to come.
-- KEYS: the call's record, the stream of its lane
-- ARGV: id, request, outcome, how long to keep the record (s), control channel, group, asking,
--       the asker's channel
local record, work = KEYS[1], KEYS[2]
local id, request, outcome, keep, control, group, asking, channel = unpack(ARGV)
local entry, stood = unpack(redis.call('HMGET', record, 'entry', 'outcome'))

if stood then
  return stood
end
local taken = false
if entry then
  local pending = redis.pcall('XPENDING', work, group, entry, entry, 1)
  taken = not pending.err and #pending > 0
end
redis.call('PUBLISH', control, id)
if taken and asking == '1' then
  return false
end
-- Without a record this writes one, so that a publish that arrives later does nothing.
redis.call('HSET', record, 'request', request, 'status', 'settled', 'outcome', outcome)
redis.call('EXPIRE', record, keep)
-- Whoever has taken it is still its holder, and may say what it came to.
if entry and not taken then
  redis.call('XDEL', work, entry)
end
tell(channel, id, outcome)
return outcome
