-- Flows with something due. ARGV[1]: now; ARGV[2]: greatest number of flows; ARGV[3]: how many of them
-- to pass over. Returns whether there may be more of them, and those that were found.
local flows = {}
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', ARGV[3], ARGV[2])
for _, flow in ipairs(due) do
  local member = first(flow)
  if member then
    local _, key = split(member, flow)
    local _, _, oldest, interval = parse(redis.call('HGET', KEYS[1], key))
    local to = '(' .. flow .. '\0' .. ARGV[1] .. '\255'
    local count = redis.call('ZLEXCOUNT', KEYS[2], '[' .. flow .. '\0', to)
    flows[#flows + 1] = {flow, count, oldest, interval}
  end
end
return {#due == tonumber(ARGV[2]) and 1 or 0, flows}
