-- Items that come next. ARGV[1]: at most so many.
local limit = tonumber(ARGV[1])
local all = {}
for _, flow in ipairs(redis.call('ZRANGE', KEYS[3], 0, limit - 1)) do
  local from, to = '[' .. flow .. '\0', '(' .. flow .. '\1'
  for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], from, to, 'LIMIT', 0, limit)) do
    local order, key = split(member, flow)
    all[#all + 1] = {order, key}
  end
end
table.sort(all, function(one, other)
  return one[1] < other[1]
end)
local items = {}
for i = 1, math.min(limit, #all) do
  local key = all[i][2]
  items[i] = {key, redis.call('HGET', KEYS[1], key)}
end
return items
