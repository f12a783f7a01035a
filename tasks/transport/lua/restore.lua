#!lua flags=allow-oom
-- Gives an unacknowledged message back to its queues, unless somebody was first.
-- KEYS    1: hash of unacknowledged messages; 2: their index; 3: what we have fetched;
--         4…: lists to give it to
-- ARGV    1: its tag; 2: what the hash must hold under it, empty for nothing;
--         3: RPUSH to be the next that is taken, LPUSH to be the last; 4…: what each list gets
-- Result  1 given back, 0 somebody was first
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
for i = 4, #KEYS do
  redis.call(ARGV[3], KEYS[i], ARGV[i])
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
