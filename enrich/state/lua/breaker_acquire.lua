-- uses: breaker
-- Ask leave for calls. A closed breaker grants all without a write; half open what is left to try.
--
-- ARGV[5]  want, calls       ARGV[6]  token of the trial
-- Result: {granted, generation, refusal or '', retry_at_ms or -1, change or {}}

local b = load_breaker(KEYS[1])
local want, token = tonumber(ARGV[5]), ARGV[6]
if b.state == 'closed' then return { want, b.generation, '', -1, {} } end

local policy, now_ms, change = policy_numbers(), moment(b), {}

if b.state == 'open' and not b.held and now_ms >= b.retry_at_ms then
  change = move(b, 'waited', now_ms)
end
if b.state == 'open' then
  if b.held then return { 0, b.generation, 'held', -1, change } end
  return { 0, b.generation, b.reason, b.retry_at_ms, change }
end

-- The permits of the dead return at the end of their lease, so a trial can never be stuck.
local live, used, soonest_ms = {}, b.succeeded, -1
for _, trial in ipairs(b.trials) do
  if now_ms < trial.until_ms then
    live[#live + 1], used = trial, used + trial.calls
    if soonest_ms < 0 or trial.until_ms < soonest_ms then soonest_ms = trial.until_ms end
  end
end
local granted = math.min(want, policy.successes - used)
if granted <= 0 then
  return { 0, b.generation, 'half_open', soonest_ms < 0 and now_ms or soonest_ms, change }
end
live[#live + 1] = { token = token, calls = granted, until_ms = now_ms + policy.permit_ms }
b.trials, b.seen_ms = live, now_ms
save_breaker(b, now_ms)
return { granted, b.generation, '', -1, change }
