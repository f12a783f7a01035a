-- Looks up many entries.
-- KEYS    1: the generation of the kind; 2…: entries
-- ARGV    1: the most bytes that an entry may have
-- Result  now (ms since 1970), the generation (string), the remaining lives in ms of all entries in
--         one text with commas between (-2 missing, 0 too large, -1 without a TTL, so not ours),
--         then the bytes of each entry that is neither missing nor too large
local now = redis.call('TIME')
local values = redis.call('MGET', unpack(KEYS))
local reply = { now[1] * 1000 + math.floor(now[2] / 1000), values[1] or '0', '' }
local lives = {}
local most = tonumber(ARGV[1])
for i = 2, #KEYS do
  local value, left_ms = values[i], -2
  if value then
    left_ms = #value > most and 0 or redis.call('PTTL', KEYS[i])
  end
  if value and left_ms ~= 0 and left_ms ~= -2 then
    reply[#reply + 1] = value
  end
  lives[i - 1] = left_ms
end
reply[3] = table.concat(lives, ',')
return reply
