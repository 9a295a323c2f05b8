-- Of a block whose messages were all taken nobody tells the index. When it has more blocks than there are messages, some are looked at.
local n = redis.pcall('ZCARD', X) -- a user who may not is to keep what was done
for i = 0, type(n) == 'number' and n > call('XLEN', S) + 16 and 2 or -1 do
	local at = i * floor(n / 3)
	local block = call('ZRANGE', X, at, at)[1]
	local first, final = string.match(block or '', '^(%d+)-(%d+)$')
	if block and not call('XRANGE', S, first, final, 'COUNT', 1)[1] then
		call('ZREM', X, block)
	end
end
