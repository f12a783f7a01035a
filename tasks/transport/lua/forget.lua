#!lua flags=allow-oom
-- Forgets unacknowledged messages: they have been dealt with.
-- KEYS    1: hash of unacknowledged messages; 2: their index; 3: what we have fetched
-- ARGV    their tags, a few thousand at most
-- Result  how many were there
redis.call('ZREM', KEYS[2], unpack(ARGV))
redis.call('ZREM', KEYS[3], unpack(ARGV))
return redis.call('HDEL', KEYS[1], unpack(ARGV))
