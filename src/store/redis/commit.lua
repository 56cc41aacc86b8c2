-- One change of one shipment. KEYS[3]: what tenants of this partition follow; KEYS[4]: the
-- shipment; KEYS[5]: what tenants add to it; KEYS[6]: its key; KEYS[7]: all shipments of the partition.
-- ARGV[16] and on: the hashes that lead to it.
local believed, expected, following, value = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local unreadable, place, id, revision = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local time, since, channel, partition = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local wrapped, is_new = ARGV[14], ARGV[15]

local known = redis.call('HMGET', KEYS[4], 'version', 'place', 'logged')
if (known[1] or '0') ~= expected then
  local held = redis.call('HGET', KEYS[4], 'value') or ''
  -- A command that was repeated because its answer got lost has been obeyed already.
  if held == value then
    return {epoch, sequence, 'done', known[3]}
  end
  if expected ~= '0' or unreadable ~= 'x' .. held then
    return {epoch, sequence, 'conflict', expected == '0' and held}
  end
end
if believed ~= epoch then
  return {epoch, sequence, 'epoch'}
end
if not own(KEYS[6], wrapped, is_new) then
  return {epoch, sequence, 'conflict'}
end

redis.call('HSET', KEYS[4], 'version', following, 'value', value, 'place', place)
redis.call('ZADD', KEYS[7], 0, id)
for i = 16, #ARGV do
  redis.call('HSET', KEYS[4], 'a' .. ARGV[i], '')
end
if known[2] and known[2] ~= place then
  for _, field in ipairs(redis.call('HKEYS', KEYS[5])) do
    if string.sub(field, 1, 1) == 'f' then
      local tenant = string.sub(field, 2) .. '\0'
      redis.call('ZREM', KEYS[3], tenant .. known[2] .. id)
      redis.call('ZADD', KEYS[3], 0, tenant .. place .. id)
    end
  end
end
local logged = '0'
if revision ~= '' then
  log(id, 'revision', revision, time, since, channel, partition)
  logged = sequence
end
redis.call('HSET', KEYS[4], 'logged', logged)
return {epoch, sequence, 'done', logged}
