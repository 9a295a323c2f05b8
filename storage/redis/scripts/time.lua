-- now is in milliseconds by the server's clock. What is given is empty, or a test's time instead; skew is how far that is ahead: keys end by
-- the server's clock.

local call, format, min, max, floor = redis.call, string.format, math.min, math.max, math.floor
local done, again, sealed, claimed, notOwner, notClaimed, noClaim = 0, 1, 2, 3, 4, 5, 6 -- codes of replies

local clock = call('TIME')
local micros = clock[2] / 1
local now, skew = clock[1] * 1000 + (micros - micros % 1000) / 1000, 0
if given ~= '' then
	skew = tonumber(given) - now
	now = now + skew
end
