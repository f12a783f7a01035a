-- Lifts what scopes have spent to at least what the ledger says.
-- KEYS    accounts (see budget_reserve.lua)
-- ARGV    1: ttl_ms of the accounts; 2…: spent of each scope, in whole micro-credits
-- Result  how many were lifted
local lifted = 0
for i = 1, #KEYS do
  local spent = tonumber(redis.call('HGET', KEYS[i], 'spent') or '0')
  if spent < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[i], 'spent', ARGV[i + 1])
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
    lifted = lifted + 1
  end
end
return lifted
