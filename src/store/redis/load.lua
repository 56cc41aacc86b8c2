-- One field of one key, as of this place in the log. KEYS[3]: the key; ARGV[2]: the field.
return {epoch, sequence, redis.call('HGET', KEYS[3], ARGV[2])}
