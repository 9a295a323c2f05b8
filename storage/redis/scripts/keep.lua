-- How scripts keep what they have changed. To make a function costs more than most commands: so post, which needs these rarely, has them
-- where it does.

-- How many messages are moved in one call, and looked at to be collected: among a million that takes up to 25 µs each, and nobody is to
-- wait for a millisecond.
local atOnce, atOnceBytes = 16, 0 -- and further blocks while they are smaller than that

local soonest = never
local changed, renewed = false, false -- the header; the mark
local touched = {} -- keys that something was put into, which may be new

-- allow makes the first write one that memory is never refused for: at maxmemory a script is judged by its first write only,
-- and so what makes room goes through.
local function allow()
	call('ZREM', L, '')
end

-- outlast sees to it that the keys are kept until t. The slack makes it rare.
local function outlast(t, ttl)
	if t > mark then
		mark = t + max(60000, ttl * 250)
		changed, renewed = true, true
	end
end

-- expect notes that something becomes free at t.
local function expect(t)
	if t < soonest then
		soonest = t
	end
	if t < due then
		due, changed = t, true
	end
end

-- Behind the header stand the processes in which somebody waits: for each, until when that is so, and its channel; then zeros, behind which nothing counts.
local waiter, waitersAt = '>dI2c0', 64
local waiters = nil -- what is to stand there, if that changes

-- tell tells the processes in which somebody waits.
local function tell(news)
	if waited <= now then
		return
	end
	local all, at, ends, channel = waiters or sub(header or '', waitersAt + 1), 1, 0, ''
	while at <= #all do
		ends, channel, at = unpacked(waiter, all, at)
		if ends == 0 then
			return
		end
		if ends > now then
			redis.pcall('PUBLISH', channel, news) -- where that is refused, who waits looks later; what was done has to be kept
		end
	end
end

-- finish keeps the header and gives keys that are new their end. Each reply goes through it.
local function finish(reply)
	if soonest < never and waited > now then -- watch.lua told of what comes next; this comes before it
		--#include head
		if soonest <= min(head(L), head(D)) then
			tell(format('n%.0f ', soonest - now) .. H)
		end
	end
	if changed then
		-- Not SET, which is more work and would have to be told to leave the key's end as it is.
		call('SETRANGE', H, 0, pack(layout, version, isSealed, cursor, mark, due, waited, openFirst, last, openEnd, openCount, openBytes))
	end
	if renewed then
		if isSealed == 0 then
			call('PEXPIREAT', H, max(mark, waited) - skew)
		end
		for i = 2, 9 do
			call('PEXPIREAT', KEYS[i], mark - skew)
		end
	else
		for key in pairs(touched) do
			if call('PTTL', key) == -1 then
				call('PEXPIREAT', key, max(mark, now + 60000) - skew) -- not at once, where a test's clock was turned beyond the mark
			end
		end
	end
	return reply
end
