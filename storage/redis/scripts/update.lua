-- update starts a claim's time anew. ARGV: time, claim, TTL, grace.

--#include clock
--#include header
--#include keep
--#include message
--#include claims
--#include ending
--#include holding
--#include lending

local id, ttl, grace = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local seqs, states = heldBy(id)
if not seqs or isLease(id) then
	return { now, noClaim }
end
local ends, held = now + ttl * 1000, {}
for _, seq in ipairs(seqs) do
	local _, messageEnd, messageTTL, count = unpacked('>I6I6I4I2', states[seq])
	held[#held + 1] = seq
	held[#held + 1] = lend(id, ends, ttl, grace, messageEnd, messageTTL, count)
end
allow()
call('HSET', K, unpack(held))
call('HSET', C, id, packClaim(ttl, now, ends, seqs))
call('ZADD', L, ends, id)
expect(ends)
return finish({ now, done })
