-- One field of one key, and the key that it was sealed with, as of this place in the log. KEYS[3]: the
-- key; KEYS[4]: that of the sealing; ARGV[2]: the field.
return {epoch, sequence, {redis.call('HGET', KEYS[3], ARGV[2]), redis.call('GET', KEYS[4])}}
