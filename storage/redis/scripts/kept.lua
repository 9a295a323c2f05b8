-- kept gives what is kept under a key.

return redis.call('GET', KEYS[1])
