-- Turns a hold into spending in every scope; a second time it does nothing. Where nothing was spent
-- the hold is given back, and its id is not remembered: it may be held again.
-- KEYS    1: the tenant's ended reservations (sorted set: id by the moment it is forgotten)
--         then two for each scope: its account, its holds (see budget_reserve.lua)
-- ARGV    1: id; 2: spent, in whole micro-credits; 3: ttl_ms of the accounts;
--         4: for how long an ended reservation is remembered, in ms;
--         5: 1 when there is a ledger to ask
-- Result  1, or 0 when it had been committed before
local id, memory_ms = ARGV[1], tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
if tonumber(ARGV[2]) > 0 then
  if redis.call('ZADD', KEYS[1], 'NX', now_ms + memory_ms, id) == 0 then
    return 0
  end
  redis.call('PEXPIRE', KEYS[1], memory_ms)
end
for i = 2, #KEYS, 2 do
  -- Without its hold it came too late: the money is spent all the same.
  local held = redis.call('HGET', KEYS[i], 'h:' .. id)
  if held then
    redis.call('HINCRBY', KEYS[i], 'reserved', -tonumber(held))
    redis.call('HDEL', KEYS[i], 'h:' .. id)
    redis.call('ZREM', KEYS[i + 1], id)
  end
  -- Of an account that was lost the ledger will tell all, this amount too.
  if ARGV[5] == '0' or redis.call('HEXISTS', KEYS[i], 'known') == 1 then
    redis.call('HINCRBY', KEYS[i], 'spent', ARGV[2])
    redis.call('PEXPIRE', KEYS[i], ARGV[3])
  end
end
return 1
