-- index notes that a queue may hold messages for a while, and forgets some that no longer can. ARGV: time, queue, for how long.
-- The reply is until when the queue is noted. The first write is one that memory is never refused for: claims note queues too.

--#include clock

local ttl = tonumber(ARGV[3])
local mark = now + ttl * 1000 + max(60000, ttl * 250)
local before = call('ZSCORE', KEYS[1], ARGV[2])
if before and tonumber(before) > mark then
	mark = tonumber(before)
end
call('ZREM', KEYS[1], '')
call('ZADD', KEYS[1], mark, ARGV[2])
local gone = call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 20)
if #gone > 0 then
	call('ZREM', KEYS[1], unpack(gone))
end
local last = tonumber(call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
if call('PTTL', KEYS[1]) < last - now then
	call('PEXPIREAT', KEYS[1], last - skew)
end
return { now, done, mark }
