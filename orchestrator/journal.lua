-- Add entries to a session's journal: entry n has the stream id n-0, so that saying the same
-- again adds nothing. Returns the number of the last entry, or an error if another process has
-- written one of these numbers.
-- KEYS: the journal
-- ARGV: number of the first entry, how long to keep the journal (s), entries
local journal = KEYS[1]
local first, keep = tonumber(ARGV[1]), ARGV[2]
local newest = redis.call('XREVRANGE', journal, '+', '-', 'COUNT', 1)[1]
local last = newest and tonumber(string.match(newest[1], '%d+')) or 0

for i = 3, #ARGV do
  local number = first + i - 3
  local id = string.format('%d-0', number)
  if number > last then
    redis.call('XADD', journal, id, 'e', ARGV[i])
  else
    local there = redis.call('XRANGE', journal, id, id)[1]
    if not there or there[2][2] ~= ARGV[i] then
      return redis.error_reply('TAKEN entry ' .. id .. ' is another one')
    end
  end
end
redis.call('EXPIRE', journal, keep)
return first + #ARGV - 3
