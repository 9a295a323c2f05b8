-- What a claim holds.

-- heldBy are the messages that a live claim still holds as numbers and states by them, oldest first, with its TTL and last update;
-- nothing if it is over, or holds none any more.
local function heldBy(id)
	local packed = call('HGET', C, id)
	if not packed then
		return
	end
	local seqs, ends, ttl, updated = claimOf(packed)
	if ends <= now then
		return
	end
	local states, held = statesOf(id, seqs), {}
	for _, seq in ipairs(seqs) do
		if states[seq] and endOf(nil, states[seq]) > now then
			held[#held + 1] = seq
		end
	end
	if #held > 0 then
		return held, states, ttl, updated
	end
end

-- shown are messages with their states, as a reply has them.
local function shown(seqs, states)
	local found = {}
	for _, seq in ipairs(seqs) do
		local e = call('XRANGE', S, seq, seq)[1]
		if e then
			local _, envelope, body = parts(e)
			local n = #found
			found[n + 1], found[n + 2], found[n + 3], found[n + 4] = seq, envelope, body, states[seq]
		end
	end
	return found
end
