-- A note, if it follows the kept one. ARGV[1]: version of the kept one in 8 bytes; ARGV[2]: the
-- note; ARGV[3]: what stands there and cannot be read.
local held = redis.call('GET', KEYS[1])
if held == ARGV[2] then
  return {'done'}
end
local none = string.rep('\0', 8)
local version = held and string.sub(held, 1, 8) or none
if held and ARGV[3] == 'x' .. held then
  version = none
end
if version ~= ARGV[1] then
  return {'conflict', ARGV[1] == none and held}
end
redis.call('SET', KEYS[1], ARGV[2])
return {'done'}
