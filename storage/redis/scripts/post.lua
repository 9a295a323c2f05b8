-- post adds messages. ARGV: for each message its envelope from the TTL on and its body; the end of an envelope with a delay is how long that
-- is. Where the messages have not all the same TTL, or there is a time, the longest TTL follows as envelopes have it, and the time. XADD is
-- the first write: at maxmemory the post is refused as a whole. The reply is the number of the first message, and nothing else: a table
-- would cost more than a command does.
--
-- KEYS may be the first three only, if no message is delayed. When it turns out that the others are needed, nothing is done, and the post
-- has to come again with all.

local args = ARGV
local count = #args
local more = count % 2 == 1 and args[count]
local given = more and string.sub(more, 5) or ''

--#include time
--#include header

if isSealed == 1 then
	return -sealed
end
local longest = unpacked('>I4', more or args[1])
local latest = now + longest * 1000
if not K and (due <= now or latest > mark) then
	return -again
end
local first = now * 1024
if first <= last then
	first = last + 1
end
local free, delays, blocks, opened = 0, nil, nil, false
local before, ends, ripe, head
last = first - 1
for i = 1, count - 1, 2 do
	local envelope, body = args[i], args[i + 1]
	if envelope ~= before then -- most messages of a post have the same
		before, ends, ripe = envelope, not more and latest or now + unpacked('>I4', envelope) * 1000, nil
		if K and byte(envelope, 5) % 2 == 1 then
			ripe = now + unpacked('>I4', sub(envelope, -4)) * 1000
			envelope = sub(envelope, 1, -5) .. pack('>I6', ripe)
		end
		head = pack('>I6', ends) .. envelope
		if ends < due then
			due = ends
		end
	end
	-- Redis itself would write the number as if it had decimals, which takes as long as half a command; and as a whole it is too large for %d.
	local low = (last + 1) % 1000000000
	call('XADD', S, format('%d%09d', (last + 1 - low) / 1000000000, low), 'e', head, 'b', body)
	if ripe then
		delays = delays or {}
		delays[#delays + 1], delays[#delays + 2] = ripe, last + 1
	else
		free = free + 1
	end

	-- The block that the message lies in: one that is full is closed, to be put into the index.
	if openCount == 32 or openCount > 0 and openBytes + #body > 65536 then
		blocks = blocks or {}
		blocks[#blocks + 1], blocks[#blocks + 2] = openEnd, format('%.0f-%.0f', openFirst, last)
		openCount, openBytes, openEnd = 0, 0, never
	end
	last = last + 1
	if openCount == 0 then
		openFirst, opened = last, true
	end
	openCount, openBytes = openCount + 1, openBytes + #body
	if ends < openEnd then
		openEnd = ends
	end
end

-- Most posts are done now.
if dueBefore > now and waited <= now and latest <= mark and not delays then
	if blocks then
		for i = 1, #blocks, 2000 do -- Lua hands over no more than 8 000 values
			call('ZADD', X, unpack(blocks, i, min(i + 1999, #blocks)))
		end
		--#include tidy
		if call('PTTL', X) == -1 then
			call('PEXPIREAT', X, mark - skew)
		end
	end
	if due == dueBefore and not opened then
		call('SETRANGE', H, tailAt, pack(tail, last, openEnd, openCount, openBytes))
	else
		call('SETRANGE', H, '0', pack(layout, version, isSealed, cursor, mark, due, waited, openFirst, last, openEnd, openCount, openBytes))
	end
	return first
end

--#include keep
--#include message

changed = true
outlast(latest, longest)
if blocks then
	for i = 1, #blocks, 2000 do
		call('ZADD', X, unpack(blocks, i, min(i + 1999, #blocks)))
	end
	touched[X] = true
	--#include tidy
end
local poster = ' ' .. sub(args[1], 5)
if delays then
	for i = 1, #delays, 2000 do -- as above
		call('ZADD', D, unpack(delays, i, min(i + 1999, #delays)))
	end
	touched[D] = true
	for i = 1, #delays, 2 do
		expect(delays[i])
	end
	tell(format('d%d ', #delays / 2) .. H .. poster)
end
if dueBefore <= now then
	-- As much as was posted, else a queue to which all only post would never be rid of what expires.
	atOnce = max(atOnce, floor(count / 2) + 1)
	for i = 2, count, 2 do
		atOnceBytes = atOnceBytes + #args[i]
	end
	--#include maintain
end
if free > 0 then
	tell(format('p%d ', free) .. H .. poster)
end
return finish(first)
