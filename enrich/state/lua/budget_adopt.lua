-- Makes a scope known again: what it has spent and holds, by the ledger. Once for each account.
-- KEYS    1: the tenant's ended reservations (see budget_commit.lua); 2: the account; 3: its holds
-- ARGV    1: ttl_ms of the keys; 2: spent; then three for each hold: id, amount, hold_ms;
--         amounts in whole micro-credits
-- Result  1, or 0 when somebody was first
local ttl_ms = ARGV[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

if redis.call('HSETNX', KEYS[2], 'known', 1) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], 'spent', ARGV[2])
for i = 3, #ARGV, 3 do
  local id, amount = ARGV[i], ARGV[i + 1]
  if redis.call('ZSCORE', KEYS[1], id) then
    -- It ended between the ledger's word and ours: spent, and no more than it held.
    redis.call('HINCRBY', KEYS[2], 'spent', amount)
  elseif redis.call('HEXISTS', KEYS[2], 'h:' .. id) == 0 then
    redis.call('HINCRBY', KEYS[2], 'reserved', amount)
    redis.call('HSET', KEYS[2], 'h:' .. id, amount)
    redis.call('ZADD', KEYS[3], now_ms + tonumber(ARGV[i + 2]), id)
    redis.call('PEXPIRE', KEYS[3], ttl_ms)
  end
end
redis.call('PEXPIRE', KEYS[2], ttl_ms)
return 1
