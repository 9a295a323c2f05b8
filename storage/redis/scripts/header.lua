-- What all scripts of a queue know. KEYS are the nine keys of one queue (keys.go), but for some posts. Sequence numbers are kept as the decimal text
-- that the stream gives, for turning numbers into text is slow; as numbers they are below 2^53 and exact.

local H, X, S, K, M, R, D, C, L = unpack(KEYS)
local pack, unpacked, sub, byte = struct.pack, struct.unpack, string.sub, string.byte
local never = 9007199254740991

-- The header: the cursor, until when the keys are kept, the earliest moment at which there is something to maintain, until when somebody
-- waits; then what each post changes: the highest sequence number, and of the open block the earliest end, count and bytes. Between
-- them stands the first message of that. Behind all stand those who wait (keep.lua).
local layout, tail, tailAt = '>BBdddddddI2I4', '>ddI2I4', '42'
local version, isSealed, cursor, mark, due, waited, openFirst, last, openEnd, openCount, openBytes =
	1, 0, 0, 0, never, 0, 0, 0, never, 0, 0
local header = call('GET', H)
if header then
	version, isSealed, cursor, mark, due, waited, openFirst, last, openEnd, openCount, openBytes = unpacked(layout, header)
end
local dueBefore = due
