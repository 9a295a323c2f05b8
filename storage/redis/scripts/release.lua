-- release ends a claim. ARGV: time, claim.

--#include clock
--#include header
--#include keep
--#include message
--#include claims
--#include ending
--#include holding

local seqs = heldBy(ARGV[2])
if not seqs or isLease(ARGV[2]) then
	return { now, done }
end
allow()
local freed = giveBack(ARGV[2], seqs)
dropClaim(ARGV[2])
tell(format('f%d ', freed) .. H)
return finish({ now, done })
