-- What all scripts of a queue know. KEYS are always the ten keys of one queue (keys.go). Sequence numbers are kept as the decimal text
-- that the stream gives, for turning numbers into text is slow; as numbers they are below 2^53 and exact.

local H, S, K, M, R, D, X, C, L, W = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local pack, unpacked, sub, byte = struct.pack, struct.unpack, string.sub, string.byte
local never = 9007199254740991

-- The header: the highest sequence number, the cursor, until when the keys are kept, the earliest moment at which there is
-- something to maintain, until when somebody waits, and the open block: its first message, earliest end, count and bytes.
local layout = '>BBdddddddI2I4'
local version, isSealed, last, cursor, mark, due, waited, openFirst, openEnd, openCount, openBytes =
	1, 0, 0, 0, 0, never, 0, 0, never, 0, 0
local header = call('GET', H)
if header then
	version, isSealed, last, cursor, mark, due, waited, openFirst, openEnd, openCount, openBytes = unpacked(layout, header)
end
local dueBefore = due
