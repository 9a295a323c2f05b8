-- queue_list gives queues by the bytes of their names. ARGV: from where, limit. The reply is the names, and their records.

local names = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
if #names == 0 then
	return { {}, {} }
end
return { names, redis.call('HMGET', KEYS[2], unpack(names)) }
