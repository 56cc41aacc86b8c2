-- Takes calls out of what may leave for a source, by GCRA. KEYS[1]: when all calls so far are paid
-- for, in milliseconds. ARGV[1]: now; ARGV[2]: time that a call is worth; ARGV[3]: calls that may
-- leave at once; ARGV[4]: calls wanted.
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local paid = tonumber(redis.call('GET', KEYS[1]) or '0')
if paid > now + interval * burst + 60000 then
  -- Somebody's clock was wrong.
  paid = now
end
local granted = 0
while granted < tonumber(ARGV[4]) do
  local start = math.max(paid, now)
  if start + interval - now > interval * burst + 0.001 then
    break
  end
  paid = start + interval
  granted = granted + 1
end
if granted > 0 then
  local kept = math.ceil(paid - now) + 60000
  redis.call('SET', KEYS[1], string.format('%.3f', paid), 'PX', string.format('%.0f', kept))
end
return granted
