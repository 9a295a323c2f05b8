-- head is the first moment in a sorted set of moments.
local function head(key)
	local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
	return first[2] and tonumber(first[2]) or never
end
