-- Takes the lease of each name that nobody holds, under one fence.
-- KEYS    1: the tenant's fence counter; 2…n+1: leases; n+2…: end marks of the same names
-- ARGV    1: token; 2: lease_ms; 3: ttl_ms of the counter
-- Result  the fence (0 when nothing was taken), and a digit for each name: 1 (ours) or 0 (held).
--         One text, because a list of hundreds takes the reader as long as all the rest.
--         A lease holds "<token> <taken at, ms since 1970>".
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local names = (#KEYS - 1) / 2
local value = ARGV[1] .. ' ' .. string.format('%.0f', now_ms)
local held = redis.call('MGET', unpack(KEYS, 2, names + 1))
local fence, digits, marks, ours = 0, {}, {}, {}
for i = 2, names + 1 do
  local key = KEYS[i]
  -- A name may be asked for twice in one call: the first has it.
  local won = not held[i - 1] and not ours[key]
  if won then
    redis.call('SET', key, value, 'PX', ARGV[2])
    ours[key] = true
    marks[#marks + 1] = KEYS[i + names]
  end
  digits[i - 1] = won and '1' or '0'
end
if #marks > 0 then
  redis.call('DEL', unpack(marks))
  -- Time under the counter: were it lost with the server, fences would still not go back.
  local last = tonumber(redis.call('GET', KEYS[1]) or '0')
  fence = math.max(last + 1, now_ms * 1024)
  redis.call('SET', KEYS[1], string.format('%.0f', fence), 'PX', ARGV[3])
end
return { fence, table.concat(digits) }
