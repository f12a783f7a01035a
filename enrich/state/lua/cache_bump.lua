-- Voids all entries of a kind for all workers at once, without a scan: they die by their TTL.
-- KEYS    1: the generation of the kind
-- ARGV    1: ttl_ms of the generation; longer than any entry lives, so no old one comes back
-- Result  the new generation
local generation = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return generation
