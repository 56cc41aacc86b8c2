-- Up to where the log of a partition is in the queue. KEYS[1]: what is known of the shard. ARGV[1]:
-- the node that has read it; ARGV[2], ARGV[3]: epoch and sequence.
if redis.call('HGET', KEYS[1], 'reader') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'sequence', ARGV[3])
return 1
