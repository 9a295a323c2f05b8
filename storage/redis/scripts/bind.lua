-- bind ties the data to a control store. ARGV: its ID, whether to leave another one for it. The reply is whether it is tied.

local before = redis.call('GET', KEYS[1])
if before == ARGV[1] then
	return 1
end
if before and ARGV[2] == '' then
	return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
