-- queue_set replaces a queue's metadata, which stands behind its incarnation. ARGV: name, metadata. The reply is whether there was a queue.

local kept = redis.call('HGET', KEYS[2], ARGV[1])
if not kept then
	return 0
end
redis.call('HSET', KEYS[2], ARGV[1], string.match(kept, '^%d+ ') .. ARGV[2])
return 1
