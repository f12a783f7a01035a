-- Puts an amount aside in every scope, or in none.
-- KEYS    two for each scope: its account (hash: spent, reserved, and "h:<id>" for each hold),
--         its holds (sorted set: id by the moment it ends)
-- ARGV    1: id; 2: amount; 3: hold_ms; 4: ttl_ms of the keys; 5…: the cap of each scope
--         amounts and caps in whole micro-credits
-- Result  {0, 0} when put aside, else {number of the scope that has too little, what it has left}
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

for i = 1, #KEYS, 2 do
  return_ended(KEYS[i], KEYS[i + 1])
  local account = redis.call('HMGET', KEYS[i], 'spent', 'reserved')
  local cap = tonumber(ARGV[4 + (i + 1) / 2])
  local left = cap - (tonumber(account[1]) or 0) - (tonumber(account[2]) or 0)
  if left < amount then
    return { (i + 1) / 2, left }
  end
end
for i = 1, #KEYS, 2 do
  redis.call('HINCRBY', KEYS[i], 'reserved', ARGV[2])
  redis.call('HSET', KEYS[i], 'h:' .. id, ARGV[2])
  redis.call('ZADD', KEYS[i + 1], now_ms + hold_ms, id)
  redis.call('PEXPIRE', KEYS[i], ttl_ms)
  redis.call('PEXPIRE', KEYS[i + 1], ttl_ms)
end
return { 0, 0 }
