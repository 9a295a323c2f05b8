-- pop removes the oldest free messages and gives them. ARGV: time, limit, whether to take what is ripe. The reply ends with whether
-- there is more to look at.

--#include clock
--#include header
--#include keep
--#include message
--#include maintain
--#include look
--#include take

allow()
if more and ARGV[3] == '' then
	return finish({ now, again, {}, 1 })
end
local found, gone = {}, {}
local unseen = take(tonumber(ARGV[2]), function(seq, envelope, body, state)
	local n = #found
	found[n + 1], found[n + 2], found[n + 3], found[n + 4] = seq, envelope, body, state or ''
	gone[#gone + 1] = seq
	return 1
end)
if #gone > 0 then
	call('XDEL', S, unpack(gone))
	call('HDEL', M, unpack(gone))
	--#include empty
end
return finish({ now, done, found, unseen and 1 or 0 })
