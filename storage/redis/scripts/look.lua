-- How far one call looks: a search goes through at most 200 messages or 256 KiB, fetched at most 20 at a time. Then the caller
-- goes on in a call of its own, so that no search blocks the server.

local looked, weight = 0, 0
local quiet = due > now -- all that the header knows of is yet to end, and so is all that a call can meet

local function exhausted()
	return looked >= 200 or weight >= 262144
end

-- batch is how many messages to fetch next: few until it is known how large they are.
local function batch(want)
	if looked == 0 then
		return min(want, 4)
	end
	return max(1, min(want, 20, 200 - looked, floor((262144 - weight) * looked / max(weight, 1))))
end

-- entry is a message by its number, or nil.
local function entry(seq)
	local e = call('XRANGE', S, seq, seq)[1]
	looked = looked + 1
	if e then
		weight = weight + #e[2][4]
	end
	return e
end

-- entries are the next messages behind a place.
local function entries(after, want)
	local found = call('XRANGE', S, format('%.0f', after + 1), '+', 'COUNT', batch(want))
	looked = looked + #found
	for i = 1, #found do
		weight = weight + #found[i][2][4]
	end
	return found
end
