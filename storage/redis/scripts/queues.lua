-- queues gives some of the queues that may hold messages, by until when: so none is missed that is noted anew meanwhile. ARGV: time, until
-- when at least (empty: now), how many of those to pass over, limit.

--#include clock

local from = ARGV[2] == '' and now or ARGV[2]
return { now, done, call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4]) }
