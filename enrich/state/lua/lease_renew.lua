-- Extends the leases that are still ours, up to a longest hold.
-- KEYS    leases
-- ARGV    1: token; 2: lease_ms; 3: longest hold in ms, from when the lease was taken
-- Result  a digit for each name: 1 (ours) or 0 (lost, or held for too long: it will run out)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local digits = {}
for i = 1, #KEYS do
  local token, taken_ms = string.match(redis.call('GET', KEYS[i]) or '', '^(%S+) (%d+)$')
  local left_ms = token == ARGV[1] and tonumber(taken_ms) + tonumber(ARGV[3]) - now_ms or 0
  digits[i] = left_ms > 0 and '1' or '0'
  if left_ms > 0 then
    redis.call('PEXPIRE', KEYS[i], math.min(tonumber(ARGV[2]), left_ms))
  end
end
return table.concat(digits)
