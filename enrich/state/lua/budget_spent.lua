-- Reads what scopes have spent and hold; changes nothing.
-- KEYS    two for each scope: its account, its holds (see budget_reserve.lua)
-- ARGV    none
-- Result  two for each scope: spent and reserved (strings), in whole micro-credits
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {}
for i = 1, #KEYS, 2 do
  local account = redis.call('HMGET', KEYS[i], 'spent', 'reserved')
  local reserved = tonumber(account[2]) or 0
  for _, ended in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i + 1], '-inf', now_ms)) do
    reserved = reserved - (tonumber(redis.call('HGET', KEYS[i], 'h:' .. ended)) or 0)
  end
  reply[#reply + 1] = account[1] or '0'
  reply[#reply + 1] = string.format('%.0f', reserved)
end
return reply
