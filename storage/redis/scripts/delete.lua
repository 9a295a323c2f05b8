-- delete removes messages, all or none. ARGV: time, whether it is one that a claim must be named for, the number of claims, claims, numbers
-- of messages.

--#include clock
--#include header
--#include keep
--#include message
--#include claims

local single, n = ARGV[2] == '1', tonumber(ARGV[3])
local claims, seqs = {}, {}
for i = 4, 3 + n do
	claims[ARGV[i]] = true
end
for i = 4 + n, #ARGV do
	seqs[#seqs + 1] = ARGV[i]
end
local k = call('HMGET', K, unpack(seqs))

if single or n > 0 then -- else nothing is refused
	--#include ending
	--#include holding
	local m

	-- isThere reports whether a message that no claim holds is live. Only for refusing it that matters.
	local function isThere(i)
		local e = call('XRANGE', S, seqs[i], seqs[i])[1]
		m = m or call('HMGET', M, unpack(seqs))
		return e and endOf(e[2][2], k[i], m[i]) > now
	end

	local function refusal(i)
		local held = k[i] and unpacked('>I6', k[i]) > now
		if held and endOf(nil, k[i]) <= now or not held and (n == 0 or not isThere(i)) then
			return nil
		end
		local holder = held and sub(k[i], 19)
		if claims[holder] then
			return nil
		elseif n == 0 then
			return claimed
		elseif single and not heldBy(ARGV[4]) then
			return noClaim
		end
		return held and notOwner or notClaimed
	end

	for i = 1, #seqs do
		local code = refusal(i)
		if code then
			return { now, code }
		end
	end
end

local held, holders = {}, {}
for i = 1, #seqs do
	if k[i] then
		held[#held + 1] = seqs[i]
		holders[sub(k[i], 19)] = true
	end
end

allow()
call('XDEL', S, unpack(seqs))
if #held < #seqs then
	call('HDEL', M, unpack(seqs))
	call('ZREM', R, unpack(seqs))
	call('ZREM', D, unpack(seqs))
end
if #held > 0 then
	call('HDEL', K, unpack(held))
end
-- A claim that has nothing left need not wait for its end.
local wanted, gone = table.concat(seqs, ','), nil
for id in pairs(holders) do
	local packed, rest = call('HGET', C, id), {}
	if packed and sub(packed, 17) ~= wanted then -- mostly a claim is deleted as it was given
		if not gone then
			gone = {}
			for i = 1, #seqs do
				gone[seqs[i]] = true
			end
		end
		local all, ends, ttl, updated = claimOf(packed)
		for i = 1, #all do
			if not gone[all[i]] then
				rest[#rest + 1] = all[i]
			end
		end
		if #rest > 0 then
			call('HSET', C, id, packClaim(ttl, updated, ends, rest))
		end
	end
	if packed and #rest == 0 then
		call('HDEL', C, id)
		call('ZREM', L, id)
	end
end
--#include empty

return finish({ now, done })
