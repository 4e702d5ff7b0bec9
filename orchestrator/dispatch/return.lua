-- A call goes round again: its worker hands it back, or is dead. Returns 1, or 0 if the
-- holder does not hold it, or was heard of since.
-- KEYS: the streams of live calls and of jobs, the tool's slots and waiting calls, the queue's
-- ARGV: group, holder, lane (live or job), entry, for how long it must have been idle (ms), id,
--       how often it has been delivered
local work, jobs, slots, waiting, queue_slots, queue_waiting = unpack(KEYS)
local group, holder, lane, entry, idle, id, deliveries = unpack(ARGV)
local lanes = {live = work, job = jobs}

if not taken(lanes[lane], group, entry, holder, idle) then
  return 0
end
again(lanes[lane], entry, deliveries)
pass_on(slots, waiting, lanes, id)
pass_on(queue_slots, queue_waiting, lanes, id)
return 1
