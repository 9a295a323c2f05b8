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

-- giveBack frees what the claim still holds of these messages, and gives their number.
local function giveBack(id, seqs)
	local states = statesOf(id, seqs)
	local gone, returned, kept = {}, {}, {}
	for seq, state in pairs(states) do
		gone[#gone + 1] = seq
		if endOf(nil, state) > now then
			returned[#returned + 1] = seq
			returned[#returned + 1] = seq
			kept[#kept + 1] = seq
			kept[#kept + 1] = sub(state, 7, 18)
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
