-- One change of what a tenant adds to a shipment. Keys as for a commit.
local believed, expected, value, unreadable = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local id, tenant, follows = ARGV[6], ARGV[7], ARGV[8]
local time, since, channel, partition = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local wrapped, is_new = ARGV[13], ARGV[14]

local place = redis.call('HGET', KEYS[4], 'place')
if not place then
  return {epoch, sequence, 'conflict'}
end
local held = redis.call('HGET', KEYS[5], 'o' .. tenant)
if held == value then
  return {epoch, sequence, 'done'}
end
local revision = '0'
if held and #held >= 5 and unreadable ~= 'x' .. held then
  revision = string.format('%.0f', (struct.unpack('>I4', held, 2)))
end
if revision ~= expected then
  return {epoch, sequence, 'conflict', expected == '0' and held}
end
if believed ~= epoch then
  return {epoch, sequence, 'epoch'}
end
if not own(KEYS[6], wrapped, is_new) then
  return {epoch, sequence, 'conflict'}
end

redis.call('HSET', KEYS[5], 'o' .. tenant, value)
local member = tenant .. '\0' .. place .. id
if follows == '1' then
  redis.call('HSET', KEYS[5], 'f' .. tenant, '')
  redis.call('ZADD', KEYS[3], 0, member)
else
  redis.call('HDEL', KEYS[5], 'f' .. tenant)
  redis.call('ZREM', KEYS[3], member)
end
log(id, 'tenant', tenant, time, since, channel, partition)
return {epoch, sequence, 'done'}
