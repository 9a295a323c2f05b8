-- How scripts keep what they have changed. To make a function costs more than most commands: so post, which needs these rarely, has them
-- where it does.

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

-- tell tells the processes in which somebody waits.
local function tell(news)
	if waited <= now then
		return
	end
	local all = call('HGETALL', W)
	for i = 1, #all, 2 do
		if tonumber(all[i + 1]) > now then
			call('PUBLISH', all[i], news)
		else
			call('HDEL', W, all[i])
		end
	end
end

-- finish keeps the header and gives keys that are new their end. Each reply goes through it.
local function finish(reply)
	if soonest < dueBefore then
		tell(format('n%.0f ', soonest - now) .. H)
	end
	if changed then
		-- Not SET, which is more work and would have to be told to leave the key's end as it is.
		call('SETRANGE', H, 0, pack(layout, version, isSealed, cursor, mark, due, waited, openFirst, last, openEnd, openCount, openBytes))
	end
	if renewed then
		if isSealed == 0 then
			call('PEXPIREAT', H, max(mark, waited) - skew)
		end
		for i = 3, 10 do -- all but those two
			call('PEXPIREAT', KEYS[i], mark - skew)
		end
	else
		for key in pairs(touched) do
			if call('PTTL', key) == -1 then
				call('PEXPIREAT', key, mark - skew)
			end
		end
	end
	return reply
end
