-- What comes before every script about a partition. KEYS[1]: its epoch and the end of its log;
-- KEYS[2]: its log. ARGV[1]: an epoch that nobody has had.
--
-- A server that became master after another one, or was started again, has another replication id,
-- and may lack what was acknowledged: from then on the partition has another epoch.
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local head = redis.call('HMGET', KEYS[1], 'epoch', 'replid', 'sequence')
local epoch, sequence = head[1], head[3]
if not epoch or head[2] ~= replid then
  if not sequence then
    local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
    sequence = newest and string.match(newest[1], '%d+') or '0'
  end
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'replid', replid, 'sequence', sequence)
end
