-- Who settles a call tells its asker in the same act: this text stands before theirs.
--
-- A message is not kept. Who was not listening reads the record, which is the truth.

-- `channel` is empty if nobody waits. That an asker cannot be told is no reason not to settle.
local function tell(channel, id, outcome)
  if channel ~= '' then
    redis.pcall('PUBLISH', channel, '{"call":' .. cjson.encode(id) .. ',"outcome":' .. outcome .. '}')
  end
end
