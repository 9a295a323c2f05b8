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

	local room = 64 -- how many messages are moved in one call

	-- endClaims frees what claims held that are over.
	local function endClaims()
		local freed = 0
		for _, id in ipairs(call('ZRANGEBYSCORE', L, '-inf', now, 'LIMIT', 0, room)) do
			if room <= 0 then
				break
			end
			local packed = call('HGET', C, id)
			local seqs, ends, ttl, updated = {}, 0, 0, 0
			if packed then
				seqs, ends, ttl, updated = claimOf(packed)
			end
			local part, rest = {}, {}
			for i, seq in ipairs(seqs) do
				local list = i <= room and part or rest
				list[#list + 1] = seq
			end
			freed = freed + giveBack(id, part)
			if #rest > 0 then
				call('HSET', C, id, packClaim(ttl, updated, ends, rest))
			else
				dropClaim(id)
			end
			room = room - max(1, #part)
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

	-- collect removes what has expired of one block that is due: 32 messages or 64 KiB, or one larger message.
	local function collect()
		if openEnd <= now then
			closeBlock()
		end
		local block = call('ZRANGEBYSCORE', X, '-inf', now, 'LIMIT', 0, 1)[1]
		if not block then
			return
		end
		local first, final = string.match(block, '^(%d+)-(%d+)$')
		local seqs, envelopes = {}, {}
		for i, e in ipairs(call('XRANGE', S, first, final)) do
			seqs[i], envelopes[i] = parts(e)
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
		if #gone == #seqs then
			call('ZREM', X, block)
		else
			call('ZADD', X, earliest, block)
		end
	end

	local function head(key)
		local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
		return first[2] and tonumber(first[2]) or never
	end

	allow()
	endClaims()
	endDelays()
	if room >= 32 then
		collect() -- which is as much work as to move these
	end
	local free, ended = min(head(L), head(D)), min(head(X), openEnd)
	due, changed = min(free, ended), true
	more, expired = free <= now, ended <= now
end
