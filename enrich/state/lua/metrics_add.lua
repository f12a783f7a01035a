-- Add amounts to the sums, once for each batch, however often it is sent.
--
-- KEYS[1]   the sums: hash, series to whole number; lives 90 days after its last write
-- KEYS[2]   the sender's last batch: a number; lives a day
-- ARGV[1]   number of this batch, from 1     ARGV[2, 3 …]  series, amount
-- Result: 1 when added, 0 when it had been added before

local DAY_MS = 24 * 3600 * 1000

if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then return 0 end
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', DAY_MS)
redis.call('PEXPIRE', KEYS[1], 90 * DAY_MS)
return 1
