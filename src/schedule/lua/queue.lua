-- What comes before every script about a shard of the due queue. KEYS[1]: its items; KEYS[2]: their
-- order, by flow and time; KEYS[3]: flows by the time from which their first item can be claimed;
-- KEYS[4]: of each flow, how many and how often. Times have 15 digits and compare as texts do.
--
-- An item is ORDER FENCE DUE INTERVAL FAILURES FLOW. Its order is its due time, or, while it is
-- claimed, the end of the lease; it has a fence since it was claimed.
local function parse(value)
  return string.match(value, '^(%d+) (%d*) (%d+) (%d+) (%d+) (.*)$')
end

local function count(flow, by, interval)
  interval = tonumber(interval)
  local left = redis.call('HINCRBY', KEYS[4], 'c' .. flow, by)
  if interval > 0 then
    local rate = by * math.floor(1e12 / interval)
    redis.call('HINCRBY', KEYS[4], 'r' .. flow, string.format('%.0f', rate))
  end
  if left <= 0 then
    redis.call('HDEL', KEYS[4], 'c' .. flow, 'r' .. flow)
  end
end

local function first(flow)
  local from, to = '[' .. flow .. '\0', '(' .. flow .. '\1'
  return redis.call('ZRANGEBYLEX', KEYS[2], from, to, 'LIMIT', 0, 1)[1]
end

-- Order and key of an item, from a member of the order.
local function split(member, flow)
  return string.sub(member, #flow + 2, #flow + 16), string.sub(member, #flow + 17)
end

local function head(flow)
  local member = first(flow)
  if member then
    redis.call('ZADD', KEYS[3], split(member, flow), flow)
  else
    redis.call('ZREM', KEYS[3], flow)
  end
end

local function enter(key, due, interval, failures, flow)
  local value = table.concat({due, '', due, interval, failures, flow}, ' ')
  redis.call('HSET', KEYS[1], key, value)
  redis.call('ZADD', KEYS[2], 0, flow .. '\0' .. due .. key)
  count(flow, 1, interval)
end

-- Takes an item out of order and sums; what it says stays.
local function leave(key, order, interval, flow)
  redis.call('ZREM', KEYS[2], flow .. '\0' .. order .. key)
  count(flow, -1, interval)
end
