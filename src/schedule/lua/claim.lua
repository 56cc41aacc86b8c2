-- Claims what is due in a flow, oldest first. KEYS[5]: what is known of the shard. ARGV[1]: the flow;
-- ARGV[2]: now; ARGV[3]: end of the lease; ARGV[4]: at most so many.
local flow = ARGV[1]
local from, to = '[' .. flow .. '\0', '(' .. flow .. '\0' .. ARGV[2] .. '\255'
local due = redis.call('ZRANGEBYLEX', KEYS[2], from, to, 'LIMIT', 0, ARGV[4])
if #due == 0 then
  return {}
end
local fence = redis.call('HINCRBY', KEYS[5], 'fence', #due)
if fence == #due then
  -- What was lost had smaller ones.
  local time = redis.call('TIME')
  fence = redis.call('HINCRBY', KEYS[5], 'fence', time[1] .. string.format('%06d', time[2]))
end
local claims = {}
for i, member in ipairs(due) do
  local order, key = split(member, flow)
  local _, old, was, interval, failures = parse(redis.call('HGET', KEYS[1], key))
  local own = string.format('%.0f', fence - #due + i)
  local value = table.concat({ARGV[3], own, was, interval, failures, flow}, ' ')
  redis.call('HSET', KEYS[1], key, value)
  redis.call('ZREM', KEYS[2], member)
  redis.call('ZADD', KEYS[2], 0, flow .. '\0' .. ARGV[3] .. key)
  claims[i] = {key, value, old == '' and 0 or 1}
end
head(flow)
return claims
