-- delete removes messages, all or none. ARGV: time, whether it is one that a claim must be named for, the number of claims, claims, numbers
-- of messages.

--#include clock
--#include header
--#include keep
--#include message
--#include claims
--#include holding

local single, n = ARGV[2] == '1', tonumber(ARGV[3])
local claims, seqs = {}, {}
for i = 4, 3 + n do
	claims[ARGV[i]] = true
end
for i = 4 + n, #ARGV do
	seqs[#seqs + 1] = ARGV[i]
end
local k, m = call('HMGET', K, unpack(seqs)), nil

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
	if claims[holder] or not single and n == 0 then
		return nil
	elseif n == 0 then
		return claimed
	elseif single and not heldBy(ARGV[4]) then
		return noClaim
	end
	return held and notOwner or notClaimed
end

local held, holders = {}, {}
for i, seq in ipairs(seqs) do
	local code = (single or n > 0) and refusal(i) -- else nothing is refused
	if code then
		return { now, code }
	end
	if k[i] then
		held[#held + 1] = seq
		local id = sub(k[i], 19)
		holders[id] = holders[id] or {}
		holders[id][seq] = true
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
local wanted = table.concat(seqs, ',')
for id, gone in pairs(holders) do
	local packed = call('HGET', C, id)
	if packed and sub(packed, 17) == wanted then
		dropClaim(id) -- the most common case: a claim is deleted as it was given
	elseif packed then
		local all, ends, ttl, updated = claimOf(packed)
		local rest = {}
		for _, seq in ipairs(all) do
			if not gone[seq] then
				rest[#rest + 1] = seq
			end
		end
		if #rest > 0 then
			call('HSET', C, id, packClaim(ttl, updated, ends, rest))
		else
			dropClaim(id)
		end
	end
end
return finish({ now, done })
