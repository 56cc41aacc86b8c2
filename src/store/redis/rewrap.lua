-- The key of a shipment, wrapped anew. ARGV[1]: as it was; ARGV[2]: as it is to be.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
end
return {'done'}
