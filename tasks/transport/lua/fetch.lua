#!lua flags=allow-oom
-- Takes messages out of queues and notes them as unacknowledged, in one step.
-- KEYS    1: hash of unacknowledged messages; 2: their index; 3: list of parked messages;
--         4: what the worker who asks has fetched: its tags, each with when;
--         5…: the lists of the queues, all queues of the first priority before those of the next
-- ARGV    1: how many at most, parked ones included; 2: 1 takes from the queues in turn, 0 empties one after the other;
--         3: how many queues; 4: how many are parked at most; 5: ttl_ms of the parked;
--         6: ttl_ms of that, 0 where who asks is no worker with a name;
--         7…: for each queue its name, then '1' when its messages are never acknowledged, else '0'
-- Result  how many were parked, then for each message: its queue, its tag, itself.
--         When nothing was there, whoever tracks keys has asked for all lists.
local limit, in_turn, queues = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
local reply, seen, noted = { 0 }, 0, {}

local function text_or(value, otherwise)
  return type(value) == 'string' and value or otherwise
end

local function table_of(value)
  return type(value) == 'table' and value or {}
end

local function park(raw, queue)
  local record = { at = tonumber(now), reason = 'is not a message', queue = queue, message = raw }
  redis.call('LPUSH', KEYS[3], cjson.encode(record))
  redis.call('LTRIM', KEYS[3], 0, ARGV[4] - 1)
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
  reply[1] = reply[1] + 1
end

-- What is written down comes before what is taken away: an error in between doubles a message.
local function take(list, place)
  local raw = redis.call('LINDEX', list, -1)
  if not raw then
    return false
  end
  local queue = ARGV[7 + 2 * place]
  local is_json, message = pcall(cjson.decode, raw)
  local properties = table_of(is_json and table_of(message).properties)
  local tag = text_or(properties.delivery_tag, '')
  seen = seen + 1
  if tag == '' then
    park(raw, queue)
  else
    if ARGV[8 + 2 * place] == '0' then
      local info = table_of(properties.delivery_info)
      local exchange, routing_key = text_or(info.exchange, ''), text_or(info.routing_key, queue)
      local rest = cjson.encode(exchange) .. ', ' .. cjson.encode(routing_key)
      redis.call('ZADD', KEYS[2], now, tag)
      redis.call('HSET', KEYS[1], tag, '[' .. raw .. ', ' .. rest .. ']')
      noted[#noted + 1], noted[#noted + 2] = now, tag
    end
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = queue, tag, raw
  end
  redis.call('RPOP', list)
  return true
end

for first = 5, #KEYS, queues do
  local is_more = true
  while is_more and seen < limit do
    is_more = false
    for place = 0, queues - 1 do
      while seen < limit and take(KEYS[first + place], place) do
        is_more = true
        if in_turn then
          break
        end
      end
    end
  end
end
if #noted > 0 and ARGV[6] ~= '0' then
  redis.call('ZADD', KEYS[4], unpack(noted))
  redis.call('PEXPIRE', KEYS[4], ARGV[6])
end
if seen == 0 then
  redis.call('EXISTS', unpack(KEYS, 5))
end
return reply
