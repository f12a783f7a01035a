-- Tells which leases have ended.
-- KEYS    1…n: leases; n+1…2n: end marks of the same names
-- ARGV    none
-- Result  for each name false (still held) or the error that its leader shared ('' for none)
local names = #KEYS / 2
local values = redis.call('MGET', unpack(KEYS))
local reply = {}
for i = 1, names do
  reply[i] = not values[i] and (values[i + names] or '')
end
return reply
