-- queue_delete forgets a queue. ARGV: name. The reply is the record that was kept, or nothing.

local kept = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1]) -- first: memory is never refused for it
redis.call('HDEL', KEYS[2], ARGV[1])
return kept
