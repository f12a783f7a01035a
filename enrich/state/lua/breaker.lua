-- What all breaker scripts share; each of them is sent with this text before its own.
--
-- KEYS[1]   the breaker: a hash, fields below; lives 24 h after its last write or its wait
-- KEYS[2]   the index: sorted set of breaker names by the end of their life, epoch ms
-- ARGV[1]   now, epoch ms, for tests; empty: the server's own time, the same for all workers
-- ARGV[2]   the breaker's name in the index
-- ARGV[3]   window, seconds
-- ARGV[4]   the other numbers, in one text because most calls need none of them: failure_threshold,
--           minimum_requests and success_threshold in calls; reset, permit and longest reset in ms;
--           the back-off factor; failure_rate from 0 to 1, or - for none
-- ARGV[5…]  of the script
--
-- trials is 'token calls until_ms;…'. The window is in fields w0 to w59, each 'second successes
-- failures', so that a report touches one of them; a second that is too old does not count.
-- enrich/domain/breaker.py decides the same in Python; keep the two in step.

local TTL_MS = 24 * 3600 * 1000
local HELD_TTL_MS = 365 * TTL_MS
local MAX_DOUBLINGS = 16
local BUCKETS = 60
local FIELDS = { 'state', 'generation', 'seen_ms', 'trials', 'succeeded', 'retry_at_ms', 'reason',
  'openings', 'held' }
local NEXT = {
  tripped = 'open', waited = 'half_open', proved = 'closed', released = 'open',
  forced_open = 'open', forced_half_open = 'half_open', forced_closed = 'closed',
}
local window_s = tonumber(ARGV[3])

local function policy_numbers()
  local failures, minimum, successes, reset_ms, permit_ms, max_reset_ms, backoff, rate =
    string.match(ARGV[4], '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')
  return {
    failures = tonumber(failures), minimum = tonumber(minimum), successes = tonumber(successes),
    reset_ms = tonumber(reset_ms), permit_ms = tonumber(permit_ms),
    max_reset_ms = tonumber(max_reset_ms), backoff = tonumber(backoff), rate = tonumber(rate),
  }
end

local function read_trials(text)
  local trials = {}
  for token, calls, until_ms in string.gmatch(text, '(%S+) (%d+) (%d+);') do
    trials[#trials + 1] = { token = token, calls = tonumber(calls), until_ms = tonumber(until_ms) }
  end
  return trials
end

local function load_breaker(key)
  local raw = redis.call('HMGET', key, unpack(FIELDS))
  return {
    key = key, state = raw[1] or 'closed', generation = tonumber(raw[2] or 0),
    seen_ms = tonumber(raw[3] or 0), trials = read_trials(raw[4] or ''),
    succeeded = tonumber(raw[5] or 0), retry_at_ms = tonumber(raw[6] or 0),
    reason = raw[7] or 'open', openings = tonumber(raw[8] or 0), held = raw[9] == '1',
  }
end

-- A clock that steps back stands still instead.
local function moment(b)
  local now_ms = tonumber(ARGV[1])
  if not now_ms then
    local time = redis.call('TIME')
    now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return math.max(now_ms, b.seen_ms)
end

local function keep(b, now_ms)
  local ttl_ms = b.held and HELD_TTL_MS or math.max(0, b.retry_at_ms - now_ms) + TTL_MS
  redis.call('PEXPIRE', b.key, ttl_ms)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
  redis.call('ZADD', KEYS[2], now_ms + ttl_ms, ARGV[2])
  if redis.call('PTTL', KEYS[2]) < ttl_ms then redis.call('PEXPIRE', KEYS[2], ttl_ms) end
end

local function save_breaker(b, now_ms)
  local trials = {}
  for i, t in ipairs(b.trials) do
    trials[i] = t.token .. ' ' .. t.calls .. ' ' .. t.until_ms .. ';'
  end
  redis.call('HSET', b.key, 'state', b.state, 'generation', b.generation, 'seen_ms', b.seen_ms,
    'trials', table.concat(trials), 'succeeded', b.succeeded, 'retry_at_ms', b.retry_at_ms,
    'reason', b.reason, 'openings', b.openings, 'held', b.held and '1' or '0')
  keep(b, now_ms)
end

-- The second in which the bucket of a moment begins, and the field that it is in.
local function bucket_of(now_ms)
  local width = math.ceil(window_s / BUCKETS)
  local index = math.floor(now_ms / (1000 * width))
  return index * width, 'w' .. index % BUCKETS
end

local function window_fields()
  local fields = {}
  for i = 1, BUCKETS do fields[i] = 'w' .. i - 1 end
  return fields
end

local function read_bucket(text)
  local second, successes, failures = string.match(text or '', '(%d+) (%d+) (%d+)')
  return tonumber(second), tonumber(successes), tonumber(failures)
end

local function counts(b, now_ms)
  local oldest, successes, failures = bucket_of(now_ms) - window_s, 0, 0
  for _, text in ipairs(redis.call('HMGET', b.key, unpack(window_fields()))) do
    local second, ok, bad = read_bucket(text)
    if second and second > oldest then successes, failures = successes + ok, failures + bad end
  end
  return successes, failures
end

-- Moves in place; gives {event, before, after, reason, successes, failures, retry_at_ms or -1}.
local function move(b, event, now_ms)
  local before, successes, failures = b.state, counts(b, now_ms)
  b.state, b.generation, b.seen_ms = NEXT[event], b.generation + 1, now_ms
  b.trials, b.succeeded = {}, 0
  if b.state == 'closed' then
    b.openings = 0
    redis.call('HDEL', b.key, unpack(window_fields()))
  end
  local retry_at_ms = b.state == 'open' and b.retry_at_ms or -1
  return { event, before, b.state, b.reason, successes, failures, retry_at_ms }
end
