-- Takes an item out. ARGV[1]: its key.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local order, _, _, interval, _, flow = parse(known)
  redis.call('HDEL', KEYS[1], ARGV[1])
  leave(ARGV[1], order, interval, flow)
  head(flow)
end
