-- assure makes a connection that has written nothing wait for all that was written before it: of a script that is repeated the first try has
-- written what this one finds done. From Redis 7.2 on WAIT goes by what its own connection wrote. So the key's end is written anew, as it
-- is; of a key without an end, or of none, something that changes nothing. UNLINK comes first there as well: at maxmemory SET would be
-- refused as the first write.

local left, now = redis.call('PTTL', KEYS[1]), redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
if left >= 0 then
	redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', at + left + 1))
elseif left == -1 then
	redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', at + 3600000))
	redis.call('PERSIST', KEYS[1])
else
	redis.call('UNLINK', KEYS[1])
	redis.call('SET', KEYS[1], '')
	redis.call('UNLINK', KEYS[1])
end
