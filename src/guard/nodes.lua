-- The quota of an account, for all nodes. KEYS[1]: what is known of it. ARGV[1]: the node that asks;
-- ARGV[2]: days since 1970; ARGV[3]: requests that it has sent on this day; ARGV[4]: requests that it
-- has sent and not told of yet; ARGV[5]: 1 if it wants to send one; ARGV[6]: milliseconds that a
-- request is worth; ARGV[7]: requests that may leave at once; ARGV[8]: of these, left to others;
-- ARGV[9]: requests of a day, 0 without limit; ARGV[10]: its last part, 0 if it never had one.
-- Answers what it may do (0: send; 1: wait; 2: the day is spent; 3: keep to its part), how many
-- milliseconds to wait, its part, requests of this day, and how many nodes there are.
local SILENT, FORGOTTEN = 2000, 150000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, day, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local interval, burst, last = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[10])

local known, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  known[all[i]] = all[i + 1]
end
local function keep(field, value)
  redis.call('HSET', KEYS[1], field, value)
end
if not known.born then
  keep('born', now)
end
local is_young = now - tonumber(known.born or now) < FORGOTTEN

-- A clock that is a little behind has not begun the day; one that was far ahead is set right.
local of = tonumber(known.day or day)
local is_new = day > of or day < of - 1
if is_new or not known.day then
  keep('day', day)
end
local total, others, live, is_silent = 0, 0, 1, false
for field, value in pairs(known) do
  local kind, name = string.sub(field, 1, 1), string.sub(field, 3)
  if string.sub(field, 2, 2) == ':' then
    if kind == 'u' then
      if is_new then
        redis.call('HDEL', KEYS[1], field)
      elseif name ~= node or day < of then
        total = total + tonumber(value)
      end
    elseif kind == 'n' and name ~= node then
      local seen, part = string.match(value, '^(%d+) (.+)$')
      if now - tonumber(seen) > FORGOTTEN then
        redis.call('HDEL', KEYS[1], field)
      else
        others, live = others + tonumber(part), live + 1
        is_silent = is_silent or now - tonumber(seen) > SILENT
      end
    end
  end
end
if is_new or day >= of then
  keep('u:' .. node, used)
  total = total + used
end

-- One share more than there are nodes, so that one that comes has something at once.
local part = math.min(1 / (live + 1), math.max(1 - others, 0))
if is_young and last > 0 then
  -- What was known here may have been lost, and nodes that are still to come have parts, too.
  part = math.min(part, last)
end
keep('n:' .. node, now .. ' ' .. string.format('%.6f', part))

-- Without a past there may have been a burst a moment ago.
local paid = tonumber(known.paid or now + interval * (burst - 1)) + ARGV[4] * interval
local answer, wait = 1, 0
if is_silent or (is_young and others + part < live / (live + 1) - 0.001) then
  -- Whoever is not heard of keeps to its part, so that all must.
  answer = 3
elseif tonumber(ARGV[9]) > 0 and total > tonumber(ARGV[9]) then
  answer = 2
elseif ARGV[5] == '1' then
  wait = math.ceil(paid - interval * math.max(burst - 1 - ARGV[8], 0) - now)
  if wait <= 0 then
    paid, answer, wait = math.max(paid, now) + interval, 0, 0
  end
end
keep('paid', string.format('%.3f', paid))
return {answer, wait, string.format('%.6f', part), total, live}
