-- Entries of the log after a place. ARGV[2]: the first sequence wanted; ARGV[3]: how many.
local entries = {}
if ARGV[3] ~= '0' then
  entries = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', ARGV[3])
end
return {epoch, sequence, entries}
