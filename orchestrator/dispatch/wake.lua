-- Parked calls whose time has come go round again. Returns when the next one's comes
-- (ms from now), or -1 if none is parked.
-- KEYS: the streams of live calls and of jobs, the parked calls of the queue
local work, jobs, due = unpack(KEYS)
local lanes = {live = work, job = jobs}
local now = seconds()

for _, member in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', due, member)
  local lane, entry = string.match(member, PARKED)
  again(lanes[lane], entry)
end
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return first[2] and math.ceil(math.max(0, first[2] - now) * 1000) or -1
