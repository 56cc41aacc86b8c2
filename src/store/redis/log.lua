-- Adds an entry to the log, drops those that are too old, the newest never, and rings.
local function log(id, kind, what, time, since, channel, partition)
  sequence = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'sequence', 1))
  local newest = sequence .. '-0'
  redis.call('XADD', KEYS[2], newest, 'time', time, 'id', id, kind, what)
  -- Bounded: what is too much for one commit the next ones drop.
  for _ = 1, 256 do
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 4)
    local first
    for _, entry in ipairs(oldest) do
      if entry[2][2] >= since or entry[1] == newest then
        first = entry[1]
        break
      end
    end
    if first == oldest[1][1] then
      break
    end
    if not first then
      local last = string.match(oldest[#oldest][1], '%d+')
      first = string.format('%.0f-0', tonumber(last) + 1)
    end
    redis.call('XTRIM', KEYS[2], 'MINID', '=', first)
  end
  -- Who does not hear it looks by himself before long.
  redis.pcall('PUBLISH', channel, partition .. ' ' .. epoch .. ' ' .. sequence)
end
