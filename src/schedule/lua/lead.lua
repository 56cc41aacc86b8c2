-- Who reads the log of a partition into the queue. KEYS[1]: what is known of the shard. ARGV[1]: the
-- node that asks; ARGV[2]: now; ARGV[3]: how long it would be its.
local known = redis.call('HMGET', KEYS[1], 'reader', 'until', 'epoch', 'sequence')
if known[1] and known[1] ~= ARGV[1] and known[2] > ARGV[2] then
  return {'0'}
end
redis.call('HSET', KEYS[1], 'reader', ARGV[1], 'until', ARGV[3])
return {'1', known[3], known[4]}
