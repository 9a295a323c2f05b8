-- claimed gives a live claim. ARGV: time, claim. The reply is its messages, TTL and last update.

--#include clock
--#include header
--#include keep
--#include message
--#include claims
--#include ending
--#include holding

local seqs, states, ttl, updated = heldBy(ARGV[2])
if not seqs or isLease(ARGV[2]) then
	return { now, noClaim }
end
return { now, done, shown(seqs, states), ttl, updated }
