-- Erases a shipment. Keys as for a commit. Deleting comes first: a full server allows it, and what
-- follows in the same script.
local id, time, since, channel, partition = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local place = redis.call('HGET', KEYS[4], 'place')
if place then
  for _, field in ipairs(redis.call('HKEYS', KEYS[5])) do
    if string.sub(field, 1, 1) == 'f' then
      redis.call('ZREM', KEYS[3], string.sub(field, 2) .. '\0' .. place .. id)
    end
  end
end
local gone = redis.call('DEL', KEYS[6], KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[7], id)
if gone > 0 then
  log(id, 'erased', '1', time, since, channel, partition)
end
return {epoch, sequence, gone}
