-- Of each flow, how many and how often.
return redis.call('HGETALL', KEYS[4])
