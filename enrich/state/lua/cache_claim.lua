-- Gives the refresh of each entry to one reader only, for a while.
-- KEYS    refresh marks, one for each entry
-- ARGV    1: ttl_ms of a mark
-- Result  for each entry 1 (refresh it) or 0 (somebody does, or has just tried)
local reply = {}
for i = 1, #KEYS do
  reply[i] = redis.call('SET', KEYS[i], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
end
return reply
