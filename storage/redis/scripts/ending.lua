-- How claims end.

-- statesOf are the states of the messages that a claim still holds, by their numbers; also of those that have ended.
local function statesOf(id, seqs)
	local states = {}
	if #seqs > 0 then
		local found = call('HMGET', K, unpack(seqs))
		for i = 1, #seqs do
			if found[i] and sub(found[i], 19) == id then
				states[seqs[i]] = found[i]
			end
		end
	end
	return states
end

-- giveBack frees what a claim still holds of these messages, and gives their number. Where they are of several claims, ids are those of each.
-- They are best in their order: to put one beside another is quicker.
local function giveBack(id, seqs, ids)
	if #seqs == 0 then
		return 0
	end
	local states, gone, returned, kept = call('HMGET', K, unpack(seqs)), {}, {}, {}
	for i = 1, #seqs do
		local seq, state = seqs[i], states[i]
		if state and sub(state, 19) == (id or ids[i]) then
			gone[#gone + 1] = seq
			if endOf(nil, state) > now then
				local n = #kept
				returned[n + 1], returned[n + 2] = seq, seq
				kept[n + 1], kept[n + 2] = seq, sub(state, 7, 18)
			end
		end
	end
	if #gone > 0 then
		call('HDEL', K, unpack(gone))
	end
	if #kept > 0 then
		call('HSET', M, unpack(kept))
		call('ZADD', R, unpack(returned))
		touched[M], touched[R] = true, true
	end
	return #kept / 2
end

local function dropClaim(id)
	call('HDEL', C, id)
	call('ZREM', L, id)
end
