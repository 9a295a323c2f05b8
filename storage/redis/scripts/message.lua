-- How messages are read.

-- An entry of the stream as text of its number, envelope and body.
local function parts(e)
	local fields = e[2]
	return sub(e[1], 1, -3), fields[2], fields[4]
end

-- The end of a message: its state's, if it was ever claimed, or its envelope's. A state of m is a state of k without the
-- claim's end before it and the claim's name behind it.
local function endOf(envelope, k, m)
	if k then
		return (unpacked('>I6', k, 7))
	end
	return (unpacked('>I6', m or envelope))
end

local function isDelayed(envelope)
	return byte(envelope, 11) % 2 == 1 and unpacked('>I6', sub(envelope, -6)) > now
end
