-- Of a block whose messages were all taken nobody tells the index. When it has more blocks than there are messages, some are looked at.
local n = call('ZCARD', X)
for i = 0, n > call('XLEN', S) + 16 and 3 or -1 do
	local at = i * floor(n / 4)
	local block = call('ZRANGE', X, at, at)[1]
	local first, final = string.match(block or '', '^(%d+)-(%d+)$')
	if block and not call('XRANGE', S, first, final, 'COUNT', 1)[1] then
		call('ZREM', X, block)
	end
end
