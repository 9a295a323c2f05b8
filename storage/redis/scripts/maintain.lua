-- maintain makes the queue what it is now, within bounds: more tells whether there is more to free then, expired whether there is more to
-- collect. A call does it only if something is due, for that is rare.

local more, expired = false, false
if due <= now then
	--#include claims
	--#include ending

	-- closeBlock puts the open block of messages into the index of what ends when.
	local function closeBlock()
		if openCount > 0 then
			call('ZADD', X, openEnd, format('%.0f-%.0f', openFirst, last))
			touched[X] = true
			openCount, openBytes, openEnd, changed = 0, 0, never, true
		end
	end

	local room = atOnce

	-- endClaims frees what claims held that are over.
	local function endClaims()
		local seqs, ids, over, last = {}, {}, {}, nil
		for _, id in ipairs(call('ZRANGEBYSCORE', L, '-inf', now, 'LIMIT', 0, room)) do
			if room <= 0 then
				break
			end
			local packed = call('HGET', C, id)
			local held, ends, ttl, updated = {}, 0, 0, 0
			if packed then
				held, ends, ttl, updated = claimOf(packed)
			end
			local n = min(#held, max(room, floor(#held / 32))) -- one of thousands takes long by itself, each time
			for i = 1, n do
				seqs[#seqs + 1], ids[#ids + 1] = held[i], id
			end
			if n < #held then
				last = { id, packClaim(ttl, updated, ends, { unpack(held, n + 1) }) }
			else
				over[#over + 1] = id
			end
			room = room - max(1, n)
		end
		local freed = giveBack(nil, seqs, ids)
		if #over > 0 then
			call('HDEL', C, unpack(over))
			call('ZREM', L, unpack(over))
		end
		if last then
			call('HSET', C, unpack(last))
		end
		if freed > 0 then
			tell(format('f%d ', freed) .. H)
		end
	end

	-- endDelays frees what was delayed until now. Those above the cursor are only taken off the list: the cursor will meet them,
	-- and if they were returned too, they would be handed out twice.
	local function endDelays()
		local ripe = call('ZRANGEBYSCORE', D, '-inf', now, 'LIMIT', 0, max(room, 0))
		if #ripe == 0 then
			return
		end
		local returned = {}
		for _, seq in ipairs(ripe) do
			if tonumber(seq) <= cursor then
				returned[#returned + 1] = seq
				returned[#returned + 1] = seq
			end
		end
		call('ZREM', D, unpack(ripe))
		if #returned > 0 then
			call('ZADD', R, unpack(returned))
			touched[R] = true
		end
		room = room - #ripe
		tell(format('r%d ', #ripe) .. H)
	end

	-- forget removes messages from everything but claims, which find out by themselves.
	local function forget(seqs)
		call('XDEL', S, unpack(seqs))
		call('HDEL', K, unpack(seqs))
		call('HDEL', M, unpack(seqs))
		call('ZREM', R, unpack(seqs))
		call('ZREM', D, unpack(seqs))
	end

	-- collect removes what has expired of one block that is due, or of its first messages: then it becomes two. It gives how many
	-- messages it has looked at, and their bytes.
	local function collect(most)
		if openEnd <= now then
			closeBlock()
		end
		local block = call('ZRANGEBYSCORE', X, '-inf', now, 'LIMIT', 0, 1)[1]
		if not block then
			return 0, 0
		end
		local first, final = string.match(block, '^(%d+)-(%d+)$')
		local seqs, envelopes, bytes = {}, {}, 0
		for i, e in ipairs(call('XRANGE', S, first, final, 'COUNT', most)) do
			seqs[i], envelopes[i] = parts(e)
			bytes = bytes + #e[2][4]
		end
		local gone, earliest = {}, never
		if #seqs > 0 then
			local k, m = call('HMGET', K, unpack(seqs)), call('HMGET', M, unpack(seqs))
			for i, seq in ipairs(seqs) do
				local ends = endOf(envelopes[i], k[i], m[i])
				if ends <= now then
					gone[#gone + 1] = seq
				else
					earliest = min(earliest, ends)
				end
			end
		end
		if #gone > 0 then
			forget(gone)
		end
		local seen = seqs[most]
		if seen and seen ~= final then
			call('ZADD', X, now, format('%.0f-', seen + 1) .. final)
		else
			seen = final
		end
		if #gone == #seqs or seen ~= final then
			call('ZREM', X, block)
		end
		if #gone < #seqs then
			call('ZADD', X, earliest, first .. '-' .. seen)
		end
		return max(#seqs, 1), bytes
	end

	--#include head

	allow()
	endClaims()
	endDelays()
	if room >= atOnce / 2 then -- as much work as to move these
		local left, bytes = atOnce, 0
		repeat
			local n, size = collect(min(left, 16))
			left, bytes = left - n, bytes + size
		until n == 0 or left <= 0 or bytes >= atOnceBytes
	end
	local free, ended = min(head(L), head(D)), min(head(X), openEnd)
	due, changed = min(free, ended), true
	more, expired = free <= now, ended <= now
end
