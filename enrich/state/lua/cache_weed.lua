-- Removes entries that a reader could not read, as long as they are what it saw: a reply that was
-- damaged on its way, or an entry that somebody has replaced since, is no reason to remove one.
-- KEYS    entries
-- ARGV    1: the most bytes that an entry may have; 2…: SHA-1 (hex) of what was seen of each
-- Result  how many were removed
local removed = 0
local most = tonumber(ARGV[1])
for i, value in ipairs(redis.call('MGET', unpack(KEYS))) do
  if value and (#value > most or redis.sha1hex(value) == ARGV[i + 1]) then
    removed = removed + redis.call('UNLINK', KEYS[i])
  end
end
return removed
