-- uses: governor
-- Book starts under all limits at once, in the order of time; say when the refused may come back.
--
-- ARGV[2]   want, calls          ARGV[3]  how far ahead, µs       ARGV[4]  tenant, without spaces
-- ARGV[5…]  of each limit four: count, length in µs, margin in µs, kind (paced, buckets, calendar)
-- Result: {delay of each start in µs, refused, retry_at in epoch µs or -1}

local BUCKETS, COMPETES_US, EXPECTED_US, SOONEST_US = 50, 30000000, 1000000, 100000
local now_us, want, ahead_us, tenant = moment(), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local horizon_us, half_us = now_us + ahead_us, math.floor(ahead_us / 2)

local function day_of_month(days)
  local z = days + 719468
  local doe = z % 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
    - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  return doy - math.floor((153 * math.floor((5 * doy + 2) / 153) + 2) / 5) + 1
end

-- Begin and end of the day, or of the month when the limit is for 28 days or more.
local function calendar_window(limit, at_us)
  if limit.per_us < 28 * DAY_US then
    local begin_us = math.floor(at_us / limit.per_us) * limit.per_us
    return begin_us, begin_us + limit.per_us
  end
  local days = math.floor(at_us / DAY_US)
  local first = days - day_of_month(days) + 1
  local following = first + 31
  following = following - day_of_month(following) + 1
  return first * DAY_US, following * DAY_US
end

local function read_limits()
  local limits, pace_us, reach_us = {}, 0, 0
  for i = 5, #ARGV, 4 do
    local limit = { count = tonumber(ARGV[i]), per_us = tonumber(ARGV[i + 1]), kind = ARGV[i + 3],
      field = 'u:' .. ARGV[i] .. '/' .. ARGV[i + 1], used = {}, head = 1, live = 0 }
    limit.span_us = limit.per_us + tonumber(ARGV[i + 2])
    limit.width_us = math.floor(limit.span_us / BUCKETS)
    if limit.kind ~= 'calendar' then
      pace_us = math.max(pace_us, math.ceil(limit.span_us / limit.count))
    end
    reach_us = math.max(reach_us, limit.kind == 'calendar' and 31 * DAY_US or limit.span_us)
    for mark, number in string.gmatch(redis.call('HGET', KEYS[1], limit.field) or '',
      '(%d+) (%d+);') do
      limit.used[#limit.used + 1] = { tonumber(mark), tonumber(number) }
      limit.live = limit.live + tonumber(number)
    end
    limits[#limits + 1] = limit
  end
  return limits, pace_us, reach_us
end

-- Gives our own place, those who compete with us, and all who are remembered.
local function read_tenants(raw)
  local mine, rivals, kept = nil, {}, {}
  for name, spent_us, back_us in string.gmatch(raw or '', '(%S+) (%d+) (%d+);') do
    local place = { name = name, spent_us = tonumber(spent_us), back_us = tonumber(back_us) }
    local competes = place.back_us + COMPETES_US >= now_us
    if name == tenant then
      mine = place
    elseif competes or place.spent_us >= now_us then
      kept[#kept + 1] = place
    end
    if name ~= tenant and competes then rivals[#rivals + 1] = place end
  end
  return mine or { name = tenant, spent_us = now_us, back_us = 0 }, rivals, kept
end

local function allowed_by_buckets(limit, start_us)
  local live = limit.live
  for i = limit.head, #limit.used do
    local bucket, count = limit.used[i][1], limit.used[i][2]
    if bucket >= math.floor((start_us - limit.span_us) / limit.width_us) then
      if live < limit.count then return start_us end
      start_us = (bucket + 1) * limit.width_us + limit.span_us
    end
    live = live - count
  end
  return start_us
end

local function allowed(limit, start_us)
  local entry = limit.used[limit.head]
  if not entry then return start_us end
  if limit.kind == 'paced' then return math.max(start_us, entry[2]) end
  if limit.kind == 'buckets' then return allowed_by_buckets(limit, start_us) end
  local _, end_us = calendar_window(limit, entry[1])
  return math.max(start_us, entry[2] < limit.count and entry[1] or end_us)
end

local function book(limit, start_us)
  if limit.kind == 'paced' then
    limit.used = { { 0, start_us + math.ceil(limit.span_us / limit.count) } }
    return
  end
  local mark, oldest
  if limit.kind == 'calendar' then
    mark = calendar_window(limit, start_us)
    oldest = mark
  else
    mark = math.floor(start_us / limit.width_us)
    oldest = math.floor((start_us - limit.span_us) / limit.width_us)
  end
  while limit.used[limit.head] and limit.used[limit.head][1] < oldest do
    limit.live = limit.live - limit.used[limit.head][2]
    limit.head = limit.head + 1
  end
  limit.live = limit.live + 1
  local last = limit.used[#limit.used]
  if last and #limit.used >= limit.head and last[1] == mark then
    last[2] = last[2] + 1
  else
    limit.used[#limit.used + 1] = { mark, 1 }
  end
end

local raw = redis.call('HMGET', KEYS[1], 'last', 'blocked', 'left', 'left_until', 'tenants')
local last_us, blocked_us = tonumber(raw[1] or 0), tonumber(raw[2] or 0)
local left, left_until_us = tonumber(raw[3] or 0), tonumber(raw[4] or 0)
local limits, pace_us, reach_us = read_limits()
local mine, rivals, kept = read_tenants(raw[5])
local spent_us, cost_us = math.max(mine.spent_us, now_us), pace_us * (1 + #rivals)

local function earliest()
  local start_us = math.max(now_us, last_us, blocked_us)
  if left <= 0 then start_us = math.max(start_us, left_until_us) end
  local latest_us = start_us
  for _, limit in ipairs(limits) do latest_us = math.max(latest_us, allowed(limit, start_us)) end
  return latest_us
end

local function is_after_others()
  for _, other in ipairs(rivals) do
    if other.spent_us < spent_us and other.back_us + EXPECTED_US >= now_us then return true end
  end
  return false
end

local delays, start_us = {}, now_us
while #delays < want do
  local by_us = horizon_us
  start_us = earliest()
  if #rivals > 0 and spent_us > horizon_us then
    start_us, by_us = math.max(start_us, last_us + pace_us), now_us + half_us
    if is_after_others() then start_us = math.max(start_us, spent_us) end
  end
  if start_us > by_us then break end
  for _, limit in ipairs(limits) do book(limit, start_us) end
  left = start_us < left_until_us and left - 1 or 0
  last_us, spent_us = start_us, spent_us + cost_us
  delays[#delays + 1] = start_us - now_us
end

local refused = want - #delays
mine.back_us = refused == 0 and 0
  or math.max(start_us - half_us, math.min(start_us, now_us + SOONEST_US))
mine.spent_us = math.min(spent_us, horizon_us + math.max(half_us, 2 * cost_us))
kept[#kept + 1] = mine

for i, place in ipairs(kept) do
  kept[i] = place.name .. ' ' .. text(place.spent_us) .. ' ' .. text(place.back_us) .. ';'
end
redis.call('HSET', KEYS[1], 'last', text(last_us), 'left', text(left), 'tenants',
  table.concat(kept))
for _, limit in ipairs(limits) do
  local entries = {}
  for i = limit.head, #limit.used do
    entries[#entries + 1] = text(limit.used[i][1]) .. ' ' .. text(limit.used[i][2]) .. ';'
  end
  redis.call('HSET', KEYS[1], limit.field, table.concat(entries))
end
keep(math.max(reach_us, ahead_us, blocked_us - now_us, left_until_us - now_us))
return { delays, refused, refused == 0 and -1 or mine.back_us }
