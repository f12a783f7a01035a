-- Take requests from a tenant's rate: the generic cell rate algorithm (ITU-T I.371, leaky bucket).
-- KEYS[1]  the moment when the bucket is empty again, ms since the epoch
-- ARGV     1 requests allowed in a window, 2 window in ms, 3 requests wanted
-- result   {taken (1 or 0), requests left, ms until full again, ms until it would be taken}
local allowed, window, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local each = window / allowed
local empty = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = empty + want * each
local over = after - now - window
if over > 0 then
  return {0, math.floor((window - (empty - now)) / each), math.ceil(empty - now), math.ceil(over)}
end
redis.call('SET', KEYS[1], after, 'PX', math.ceil(after - now) + 1)
return {1, math.floor((window - (after - now)) / each), math.ceil(after - now), 0}
