-- uses: governor
-- Take the provider's word about its limit: when to come back, how many calls are left until when.
--
-- ARGV[2]   nobody starts before, epoch µs or 0     ARGV[3]  calls left, or empty
-- ARGV[4]   until when, epoch µs or 0
-- Result: nothing

local SAME_RESET_US = 2000000
local now_us = moment()
local retry_us, remaining, reset_us = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local raw = redis.call('HMGET', KEYS[1], 'blocked', 'left', 'left_until')
local blocked_us, left, left_until_us = tonumber(raw[1] or 0), tonumber(raw[2] or 0),
  tonumber(raw[3] or 0)

retry_us = math.min(retry_us, now_us + HOUR_US)
if retry_us > now_us and retry_us > blocked_us then
  blocked_us = retry_us
  redis.call('HSET', KEYS[1], 'blocked', text(blocked_us))
end
-- What it says is left does not know of calls under way, so of one window the lower number holds.
if remaining and reset_us > now_us and reset_us >= left_until_us - SAME_RESET_US then
  if reset_us <= left_until_us + SAME_RESET_US then remaining = math.min(remaining, left) end
  left_until_us = reset_us
  redis.call('HSET', KEYS[1], 'left', text(remaining), 'left_until', text(left_until_us))
end
keep(math.max(0, blocked_us - now_us, left_until_us - now_us))
return {}
