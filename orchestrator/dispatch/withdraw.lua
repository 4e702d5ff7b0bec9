-- The asking side stops waiting. Returns the outcome that stands.
-- KEYS: the call's record, the stream of its lane
-- ARGV: id, request, outcome, how long to keep the record (s), control channel, group
local record, work = KEYS[1], KEYS[2]
local id, request, outcome, keep, control, group = unpack(ARGV)
local entry, stood = unpack(redis.call('HMGET', record, 'entry', 'outcome'))

if stood then
  return stood
end
-- Without a record this writes one, so that a publish that arrives later does nothing.
redis.call('HSET', record, 'request', request, 'status', 'settled', 'outcome', outcome)
redis.call('EXPIRE', record, keep)
if entry then
  -- Whoever has taken it is still its holder, and may say what it came to.
  local pending = redis.pcall('XPENDING', work, group, entry, entry, 1)
  if pending.err or #pending == 0 then
    redis.call('XDEL', work, entry)
  end
end
redis.call('PUBLISH', control, id)
return outcome
