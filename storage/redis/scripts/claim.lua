-- claim puts the oldest free messages under a claim, and those claimed often enough under a lease. ARGV: time, claim, TTL, grace, limit,
-- most claims (0: any number), lease, its length, how many may be under it, whether to take what is ripe, how many messages of the claim were got already.
-- The reply is the messages, those under the lease, and whether there is more to look at.

--#include clock
--#include header
--#include keep
--#include message
--#include claims
--#include lending
--#include maintain
--#include look
--#include take

local id, ttl, grace, limit, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lease, leaseEnd, mostAside, got = ARGV[7], now + tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[11])

allow()
if isLease(id) then
	return finish({ now, done, {}, {}, 0 })
end
local waits = more and ARGV[10] == ''
local seqs, claimEnd, updated = {}, now + ttl * 1000, now
local kept = call('HGET', C, id)
if kept then
	--#include ending
	--#include holding
	local holds, states = heldBy(id)
	if holds and #holds > got then -- it is repeated: the answer was lost
		local lost = {}
		for i = got + 1, #holds do
			lost[#lost + 1] = holds[i]
		end
		return finish({ now, done, shown(lost, states), {}, 0 })
	end
	local all, ends, _, began = claimOf(kept)
	if holds then
		seqs, claimEnd, updated = all, ends, began
	elseif not waits then
		giveBack(id, all) -- it is over, and not maintained yet
		dropClaim(id)
	end
end
if waits then
	return finish({ now, again, {}, {}, 1 })
end

local found, aside, asideSeqs, held, loose = {}, {}, {}, {}, {}
local before, alike -- an envelope, and the state of one that was never claimed: most messages of a post have the same
local unseen = take(limit, function(seq, envelope, body, state)
	local list, took, packed = found, 1, nil
	if not state and envelope == before then
		packed = alike
	else
		local ends, messageTTL, count = 0, 0, 0
		if state then
			ends, messageTTL, count = unpacked('>I6I4I2', state)
		else
			ends, messageTTL = unpacked('>I6I4', envelope)
		end
		if most > 0 and count >= most then
			if #asideSeqs == mostAside then
				return nil
			end
			list, took = aside, 0
			packed = pack('>I6I6I4I2', leaseEnd, ends, messageTTL, count) .. lease
		else
			packed = lend(id, claimEnd, ttl, grace, ends, messageTTL, count + 1)
		end
		if state then
			loose[#loose + 1] = seq
		else
			before, alike = envelope, packed
		end
	end
	local listed = took == 1 and seqs or asideSeqs
	listed[#listed + 1] = seq
	local n = #held
	held[n + 1], held[n + 2] = seq, packed
	n = #list
	list[n + 1], list[n + 2], list[n + 3], list[n + 4] = seq, envelope, body, packed
	return took
end)

local function enact(name, howLong, ends, holds)
	call('HSET', C, name, packClaim(howLong, updated, ends, holds))
	call('ZADD', L, ends, name)
	touched[C], touched[L] = true, true
	expect(ends)
end

if #held > 0 then
	call('HSET', K, unpack(held))
	touched[K] = true
end
if #loose > 0 then
	call('HDEL', M, unpack(loose))
end
if #found > 0 then
	enact(id, ttl, claimEnd, seqs)
end
if #asideSeqs > 0 then
	local before = call('HGET', C, lease) -- of an earlier part of this claim
	for _, seq in ipairs(before and claimOf(before) or {}) do
		asideSeqs[#asideSeqs + 1] = seq
	end
	enact(lease, 0, leaseEnd, asideSeqs)
end
return finish({ now, done, found, aside, unseen and 1 or 0 })
