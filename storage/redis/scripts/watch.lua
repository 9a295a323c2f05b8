-- watch notes that somebody waits in a process, and gives the next moment at which something may become free, and whether that was noted
-- already. ARGV: time, the channel of the process, for how long.

--#include clock
--#include header
--#include keep
--#include message
--#include maintain

allow()
local ends = now + tonumber(ARGV[3])
if ends > waited then
	waited, changed = ends, true
end
waiters = pack(waiter, ends, #ARGV[2], ARGV[2])
local before, at, other, channel, noted = sub(header or '', waitersAt + 1), 1, 0, '', 0
while at <= #before do
	other, channel, at = unpacked(waiter, before, at)
	if other == 0 then
		break
	end
	if other > now and channel == ARGV[2] then
		noted = 1
	elseif other > now then
		waiters = waiters .. pack(waiter, other, #channel, channel)
	end
end
waiters = waiters .. pack(waiter, 0, 0, '')
--#include head
local reply = finish({ now, done, min(head(L), head(D)), noted }) -- due is when messages expire, too
call('SETRANGE', H, waitersAt, waiters)
if waited > mark and isSealed == 0 then
	call('PEXPIREAT', H, waited - skew) -- without the header a post would not know of those who wait
end
return reply
