-- Lets go of the leases that are still ours and wakes who waits for them, if anybody listens: the
-- count is that of this server alone, so it is for one server, not for the nodes of a cluster.
-- KEYS    1…n: leases, whose keys are also their channels; with an error to share n+1…2n: end marks
--         of the same names
-- ARGV    1: token; 2: error to share ('' for none); 3: ttl_ms of an end mark
-- Result  a digit for each name: 1 (was ours) or 0
local names = ARGV[2] == '' and #KEYS or #KEYS / 2
local prefix = ARGV[1] .. ' '
local held = redis.call('MGET', unpack(KEYS, 1, names))
local digits, freed = {}, {}
for i = 1, names do
  local ours = held[i] and string.sub(held[i], 1, #prefix) == prefix
  digits[i] = ours and '1' or '0'
  if ours then
    freed[#freed + 1] = KEYS[i]
    if ARGV[2] ~= '' then
      redis.call('SET', KEYS[i + names], ARGV[2], 'PX', ARGV[3])
    end
  end
end
if #freed > 0 then
  redis.call('DEL', unpack(freed))
  -- One question for all of them: as a rule nobody waits.
  local heard = redis.call('PUBSUB', 'NUMSUB', unpack(freed))
  for i = 1, #heard, 2 do
    if heard[i + 1] > 0 then
      redis.call('PUBLISH', heard[i], '1')
    end
  end
end
return table.concat(digits)
