-- uses: breaker
-- Read breakers; changes nothing, so a dashboard uses up no trial.
--
-- KEYS[1…]  the breakers
-- Result: of each {state, successes, failures, retry_at_ms or -1, reason or '', 1 when held else 0}

local read = {}
for i, key in ipairs(KEYS) do
  local b = load_breaker(key)
  local successes, failures = counts(b, moment(b))
  local is_open = b.state == 'open'
  read[i] = {
    b.state, successes, failures, is_open and not b.held and b.retry_at_ms or -1,
    is_open and b.reason or '', b.held and 1 or 0,
  }
end
return read
