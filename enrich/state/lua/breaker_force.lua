-- uses: breaker
-- Set a state by hand, or end a hold, and write who did it into the audit.
--
-- KEYS[3]   the audit: stream, newest 1000 or so; lives a year
-- ARGV[5]  forced_open, forced_half_open, forced_closed or released
-- ARGV[6]  1 to hold the state until it is released, else 0
-- ARGV[7]  actor             ARGV[8]  entries kept     ARGV[9]  why, in the actor's words
-- Result: change, or {} when there was no hold to end

local b = load_breaker(KEYS[1])
local now_ms = moment(b)
local event, hold = ARGV[5], ARGV[6] == '1'

if event == 'released' then
  if not b.held then return {} end
  b.retry_at_ms = now_ms
else
  b.retry_at_ms = now_ms + policy_numbers().reset_ms
end
b.held, b.reason = hold, 'open'
local change = move(b, event, now_ms)
save_breaker(b, now_ms)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'at_ms', now_ms, 'actor', ARGV[7],
  'key', ARGV[2], 'before', change[2], 'after', change[3], 'hold', ARGV[6],
  'why', ARGV[9])
redis.call('PEXPIRE', KEYS[3], HELD_TTL_MS)
return change
