-- Lets go of the leases that are still ours and wakes who waits for them.
-- KEYS    1…n: leases; n+1…2n: end marks of the same names. A lease's key is also its channel.
-- ARGV    1: token; 2: error to share ('' for none); 3: ttl_ms of an end mark
-- Result  for each name 1 (was ours) or 0
local names = #KEYS / 2
local reply = {}
for i = 1, names do
  local token = string.match(redis.call('GET', KEYS[i]) or '', '^(%S+) ')
  reply[i] = token == ARGV[1] and 1 or 0
  if reply[i] == 1 then
    redis.call('DEL', KEYS[i])
    if ARGV[2] ~= '' then
      redis.call('SET', KEYS[i + names], ARGV[2], 'PX', ARGV[3])
    end
    redis.call('PUBLISH', KEYS[i], '1')
  end
end
return reply
