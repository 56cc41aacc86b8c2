-- Enters items. ARGV[1]: now; then for each its key, due time, interval, failures and flow, and what
-- has to be there: '*' for whatever, '' for nothing, else DUE INTERVAL FAILURES.
local touched = {}
for i = 2, #ARGV, 6 do
  local key, due, interval, failures, flow, seen = unpack(ARGV, i, i + 5)
  local known = redis.call('HGET', KEYS[1], key)
  if not known then
    if seen == '*' or seen == '' then
      enter(key, due, interval, failures, flow)
      touched[flow] = true
    end
  else
    local order, fence, was, every, failed, from = parse(known)
    local leased = fence ~= '' and order > ARGV[1]
    if not leased and (seen == '*' or seen == was .. ' ' .. every .. ' ' .. failed) then
      enter(key, due, interval, failures, flow)
      if from ~= flow or order ~= due then
        leave(key, order, every, from)
      else
        count(from, -1, every)
      end
      touched[flow], touched[from] = true, true
    end
  end
end
for flow in pairs(touched) do
  head(flow)
end
