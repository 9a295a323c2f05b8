-- lend packs the state of a message under a claim, which lives as long as that, and its grace, if it would end before.
local function lend(id, claimEnd, claimTTL, grace, ends, ttl, count)
	if ends < claimEnd then
		ends, ttl = claimEnd + grace * 1000, claimTTL + grace
		outlast(ends, ttl)
	end
	return pack('>I6I6I4I2', claimEnd, ends, ttl, min(count, 65535)) .. id
end
