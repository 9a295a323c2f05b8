-- How claims are kept.

local function isLease(id)
	return byte(id) == 2
end

-- A claim is its TTL, its last update, its end, and what it got: numbers with commas behind them.
local function claimOf(packed)
	local ttl, updated, ends = unpacked('>I4I6I6', packed)
	local seqs = {}
	for seq in string.gmatch(sub(packed, 17), '%d+') do
		seqs[#seqs + 1] = seq
	end
	return seqs, ends, ttl, updated
end

local function packClaim(ttl, updated, ends, seqs)
	return pack('>I4I6I6', ttl, updated, ends) .. table.concat(seqs, ',')
end
