-- watch notes that somebody waits in a process, and gives the next moment at which something may become free. ARGV: time, the channel of
-- the process, for how long.

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
call('HSET', W, ARGV[2], format('%.0f', ends))
call('PEXPIREAT', W, waited - skew)
local reply = finish({ now, done, due })
if waited > mark and isSealed == 0 then
	call('PEXPIREAT', H, waited - skew) -- without the header a post would not know of those who wait
end
return reply
