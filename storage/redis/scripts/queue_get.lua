-- queue_get gives a queue's record, or nothing. ARGV: name.

return redis.call('HGET', KEYS[2], ARGV[1])
