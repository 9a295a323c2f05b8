-- queue_create makes a queue unless it exists. ARGV: name, record. The reply is whether it did, and the record that is kept.

local kept = redis.call('HGET', KEYS[2], ARGV[1])
if kept then
	return { 0, kept }
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return { 1, ARGV[2] }
