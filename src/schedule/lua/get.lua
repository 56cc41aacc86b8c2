-- An item. ARGV[1]: its key.
return redis.call('HGET', KEYS[1], ARGV[1])
