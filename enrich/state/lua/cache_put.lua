-- Keeps many entries under the present generation.
-- KEYS    1: the generation of the kind; 2…: entries
-- ARGV    three for each entry: ttl_ms (whole life), mode, envelope (see cache_envelope.py for its digits)
--         mode set    overwrites
--              weak   leaves a known positive of higher confidence in place
--              offer  leaves what is there unless it is older
-- Result  how many were kept
local generation = redis.call('GET', KEYS[1]) or '0'
local prefix = generation .. '|'

-- The entry under a key, when it is of this generation; nothing else counts.
local function present(key)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'string' or string.sub(value, 1, #prefix) ~= prefix then
    return nil
  end
  local head = string.sub(value, #prefix + 1, #prefix + 33)
  return {
    positive = string.sub(head, 3, 3) == 'P',
    confidence = tonumber(string.sub(head, 4, 7)) or 0,
    life_ms = tonumber(string.sub(head, 8, 20)) or 0,
    stale_ms = tonumber(string.sub(head, 21, 33)) or 0,
    left_ms = redis.call('PTTL', key),
  }
end

local function yields(mode, key, ttl_ms, envelope)
  if mode == 'set' then
    return false
  end
  local old = present(key)
  if not old then
    return false
  end
  if mode == 'weak' then
    local known = old.positive and old.left_ms > old.stale_ms
    return known and old.confidence > tonumber(string.sub(envelope, 4, 7))
  end
  local age_ms = tonumber(string.sub(envelope, 8, 20)) - ttl_ms
  return old.life_ms - old.left_ms <= age_ms
end

local kept = 0
for i = 2, #KEYS do
  local at = (i - 2) * 3
  local ttl_ms, mode, envelope = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if not yields(mode, KEYS[i], ttl_ms, envelope) then
    redis.call('SET', KEYS[i], prefix .. envelope, 'PX', ttl_ms)
    kept = kept + 1
  end
end
return kept
