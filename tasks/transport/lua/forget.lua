#!lua flags=allow-oom
-- Forgets an unacknowledged message: it has been dealt with.
-- KEYS    1: hash of unacknowledged messages; 2: their index
-- ARGV    1: its tag
-- Result  1 forgotten, 0 it was not there
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
