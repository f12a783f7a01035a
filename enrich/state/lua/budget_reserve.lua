-- Puts an amount aside in every scope, or in none; in the place of what the same id holds.
-- KEYS    two for each scope: its account (hash: spent, reserved, "h:<id>" for each hold, and
--         "known" once the ledger has told what it had spent),
--         its holds (sorted set: id by the moment it ends)
-- ARGV    1: id; 2: amount; 3: hold_ms; 4: ttl_ms of the keys; 5: 1 when there is a ledger to ask;
--         6…: the cap of each scope; amounts and caps in whole micro-credits
-- Result  {0, 0, 0} when put aside; {-1, bits of the scopes, 0} when the ledger has to be
--         asked about these first, the first scope the lowest bit; else
--         {number of the scope that has too little, what it has left for us, what others hold}
local id, amount, hold_ms, ttl_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

-- What dead holders put aside comes back before anybody looks at what is left.
local function return_ended(account, holds)
  for _, ended in ipairs(redis.call('ZRANGEBYSCORE', holds, '-inf', now_ms)) do
    local held = redis.call('HGET', account, 'h:' .. ended)
    if held then
      redis.call('HINCRBY', account, 'reserved', -tonumber(held))
      redis.call('HDEL', account, 'h:' .. ended)
    end
    redis.call('ZREM', holds, ended)
  end
end

if ARGV[5] == '1' then
  local unknown = 0
  for i = 1, #KEYS, 2 do
    if redis.call('HEXISTS', KEYS[i], 'known') == 0 then
      unknown = unknown + 2 ^ ((i - 1) / 2)
    end
  end
  if unknown > 0 then
    return { -1, unknown, 0 }
  end
end
for i = 1, #KEYS, 2 do
  return_ended(KEYS[i], KEYS[i + 1])
  local account = redis.call('HMGET', KEYS[i], 'spent', 'reserved', 'h:' .. id)
  local held = (tonumber(account[2]) or 0) - (tonumber(account[3]) or 0)
  local left = tonumber(ARGV[5 + (i + 1) / 2]) - (tonumber(account[1]) or 0) - held
  if left < amount then
    return { (i + 1) / 2, left, held }
  end
end
for i = 1, #KEYS, 2 do
  -- The ledger may have told of our own hold, or we ask for more: the old one must not stay.
  local own = tonumber(redis.call('HGET', KEYS[i], 'h:' .. id) or '0')
  redis.call('HINCRBY', KEYS[i], 'reserved', amount - own)
  redis.call('HSET', KEYS[i], 'h:' .. id, ARGV[2])
  redis.call('ZADD', KEYS[i + 1], now_ms + hold_ms, id)
  redis.call('PEXPIRE', KEYS[i], ttl_ms)
  redis.call('PEXPIRE', KEYS[i + 1], ttl_ms)
end
return { 0, 0, 0 }
