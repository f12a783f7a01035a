-- Looks up many entries.
-- KEYS    1: the generation of the kind; 2…: entries
-- ARGV    1: the most bytes that an entry may have
-- Result  now (ms since 1970), the generation (string), then two items for each entry:
--         its bytes ('' when missing or too large) and its remaining life in ms
--         (-2 missing, 0 too large, -1 without a TTL, so not ours)
local now = redis.call('TIME')
local values = redis.call('MGET', unpack(KEYS))
local reply = { now[1] * 1000 + math.floor(now[2] / 1000), values[1] or '0' }
local most = tonumber(ARGV[1])
for i = 2, #KEYS do
  local value, left_ms = values[i], -2
  if value then
    left_ms = #value > most and 0 or redis.call('PTTL', KEYS[i])
  end
  reply[#reply + 1] = left_ms ~= 0 and value or ''
  reply[#reply + 1] = left_ms
end
return reply
