-- post adds messages. ARGV: time, client, then for each message its TTL, delay, envelope behind the TTL, body. XADD is the first write: at
-- maxmemory the post is refused as a whole.

--#include clock
--#include header

if isSealed == 1 then
	return { now, sealed }
end
local first = max(last + 1, now * 1024)
local free, delays, blocks, latest, longest = 0, {}, {}, 0, 0
last = first - 1
for i = 3, #ARGV, 4 do
	local ttl, delay, body = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 3]
	local ends, envelope, seq = now + ttl * 1000, ARGV[i + 2], format('%.0f', last + 1)
	if delay == '0' then
		free = free + 1
		call('XADD', S, seq, 'e', pack('>I6I4', ends, ttl) .. envelope, 'b', body)
	else
		local ripe = now + delay * 1000
		call('XADD', S, seq, 'e', pack('>I6I4', ends, ttl) .. envelope .. pack('>I6', ripe), 'b', body)
		delays[#delays + 1], delays[#delays + 2] = ripe, seq
	end

	-- The block that the message lies in: one that is full is closed, to be put into the index.
	if openCount == 32 or openCount > 0 and openBytes + #body > 65536 then
		blocks[#blocks + 1], blocks[#blocks + 2] = openEnd, format('%.0f-%.0f', openFirst, last)
		openCount, openBytes, openEnd = 0, 0, never
	end
	last = last + 1
	if openCount == 0 then
		openFirst = last
	end
	openCount, openBytes, openEnd, due = openCount + 1, openBytes + #body, min(openEnd, ends), min(due, ends)
	if ends > latest then
		latest, longest = ends, ttl
	end
end

-- Most posts are done now.
if dueBefore > now and waited <= now and latest <= mark and #blocks + #delays == 0 then
	call('SETRANGE', H, 0, pack(layout, version, isSealed, last, cursor, mark, due, waited, openFirst, openEnd, openCount, openBytes))
	return { now, done, first }
end

--#include keep
--#include message

changed = true
outlast(latest, longest)
if #blocks > 0 then
	call('ZADD', X, unpack(blocks))
	touched[X] = true
end
for i = 1, #delays, 2 do
	call('ZADD', D, delays[i], delays[i + 1])
	touched[D] = true
	expect(delays[i])
end
if #delays > 0 then
	tell(format('d%d ', #delays / 2) .. H .. ' ' .. ARGV[2])
end
if dueBefore <= now then
	--#include maintain
end
if free > 0 then
	tell(format('p%d ', free) .. H .. ' ' .. ARGV[2])
end
return finish({ now, done, first })
