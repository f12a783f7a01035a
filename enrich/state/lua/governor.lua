-- What the governor's scripts share; each of them is sent with this text before its own.
--
-- KEYS[1]   one provider key: a hash; lives an hour longer than its longest limit reaches
--           last, blocked, left_until   epoch µs        left   calls
--           u:<count>/<per µs>          what is used of one limit, 'mark number;…'
--           tenants                     'name spent_us back_us;…'
-- ARGV[1]   now, epoch µs, for tests; empty: the server's own time, the same for all workers
--
-- enrich/domain/rate.py decides the same in Python; keep the two in step.

local HOUR_US = 3600 * 1000000
local DAY_US = 24 * HOUR_US

-- Lua writes large numbers with 14 digits; a moment in µs has 16.
local function text(number) return string.format('%.0f', number) end

local function moment()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function keep(ttl_us)
  local ttl_ms = math.ceil((ttl_us + HOUR_US) / 1000)
  if redis.call('PTTL', KEYS[1]) < ttl_ms then redis.call('PEXPIRE', KEYS[1], text(ttl_ms)) end
end
