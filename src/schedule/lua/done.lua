-- Ends a claim. ARGV[1]: key of the item; ARGV[2]: fence of the claim; then, if it comes again, due
-- time, interval, failures and flow.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return 0
end
local order, fence, _, interval, _, flow = parse(known)
if fence ~= ARGV[2] then
  return 0
end
if ARGV[3] then
  local key, due, every, failures, to = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
  enter(key, due, every, failures, to)
  if to ~= flow or order ~= due then
    leave(key, order, interval, flow)
  else
    count(flow, -1, interval)
  end
  if to ~= flow then
    head(to)
  end
else
  redis.call('HDEL', KEYS[1], ARGV[1])
  leave(ARGV[1], order, interval, flow)
end
head(flow)
return 1
