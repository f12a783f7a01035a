-- uses: breaker
-- Take in how the calls of a permit went; of an older generation or a dead trial: nothing.
--
-- ARGV[5]  granted, calls           ARGV[6]  generation of the permit   ARGV[7]  its token
-- ARGV[8]  successes, calls         ARGV[9]  failures and slow calls
-- ARGV[10]  trip: a reason or empty  ARGV[11]  trip until, epoch ms or 0
-- ARGV[12]  wait when that is no use, ms; below 0: so long, twice as long with each opening in a
--           row, and at most until the next midnight, UTC
-- ARGV[13]  longest wait, ms
-- Result: change or {}

local b = load_breaker(KEYS[1])
local now_ms = moment(b)
local granted, generation, token = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local successes, failures, trip = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]

-- Most reports end here, so this writes no more than one bucket, and a lifetime once a second.
local function count_calls()
  if successes + failures == 0 then return end
  local start, field = bucket_of(now_ms)
  local second, ok, bad = read_bucket(redis.call('HGET', b.key, field))
  local is_new = not second or second < start
  if is_new then second, ok, bad = start, 0, 0 end
  b.seen_ms = now_ms
  redis.call('HSET', b.key, 'seen_ms', now_ms, field,
    second .. ' ' .. ok + successes .. ' ' .. bad + failures)
  if is_new then keep(b, now_ms) end
end

local function is_too_bad()
  local policy = policy_numbers()
  local ok, bad = counts(b, now_ms)
  return bad >= policy.failures and ok + bad >= policy.minimum
    and (not policy.rate or bad >= policy.rate * (ok + bad))
end

local function trip_on_failures()
  local policy = policy_numbers()
  local grown = math.floor(policy.reset_ms * policy.backoff ^ math.min(b.openings, MAX_DOUBLINGS))
  local wait_ms = math.min(grown, math.max(policy.max_reset_ms, policy.reset_ms))
  b.reason, b.retry_at_ms, b.openings = 'open', now_ms + wait_ms, b.openings + 1
  return move(b, 'tripped', now_ms)
end

local function trip_long()
  local until_ms, default_ms = tonumber(ARGV[11]), tonumber(ARGV[12])
  if until_ms <= now_ms and default_ms < 0 then
    local day_ms = 24 * 3600 * 1000
    local grown_ms = -default_ms * 2 ^ math.min(b.openings, MAX_DOUBLINGS)
    until_ms = math.min((math.floor(now_ms / day_ms) + 1) * day_ms, now_ms + grown_ms)
    b.openings = b.openings + 1
  elseif until_ms <= now_ms then
    until_ms = now_ms + default_ms
  end
  b.reason, b.retry_at_ms = trip, math.min(until_ms, now_ms + tonumber(ARGV[13]))
  return move(b, 'tripped', now_ms)
end

-- Gives the calls of the permit's live trial, and takes that trial out.
local function take_trial()
  local calls, left = 0, {}
  for _, trial in ipairs(b.trials) do
    if trial.token == token and now_ms < trial.until_ms then calls = calls + trial.calls end
    if trial.token ~= token then left[#left + 1] = trial end
  end
  return calls, left
end

local function decide()
  if trip ~= '' then return trip_long() end
  if b.state == 'closed' then
    return failures > 0 and is_too_bad() and trip_on_failures() or nil
  end
  if failures > 0 then return trip_on_failures() end
  local _, left = take_trial()
  b.trials, b.succeeded = left, b.succeeded + math.min(successes, granted)
  return b.succeeded >= policy_numbers().successes and move(b, 'proved', now_ms) or {}
end

if generation ~= b.generation or b.state == 'open' then return {} end
if b.state == 'half_open' then
  granted = take_trial()
  if granted == 0 then return {} end
end
count_calls()
local change = not b.held and decide()
if not change then return {} end
save_breaker(b, now_ms)
return change
