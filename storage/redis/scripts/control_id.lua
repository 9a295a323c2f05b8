-- control_id gives the store's ID. ARGV: the one that it gets if it has none.

local id = redis.call('GET', KEYS[1])
if not id then
	id = ARGV[1]
	redis.call('SET', KEYS[1], id)
end
return id
