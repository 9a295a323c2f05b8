-- take goes over the free messages, oldest first, and asks use about each: 1 has taken it, 0 has set it aside, nil leaves it.
-- It ends when want were taken, and gives whether it ended before it had seen all.

-- takeReturned goes over those below the cursor.
local function takeReturned(want, use)
	local left = 0 -- how many stay, and so are passed over
	while want > 0 and not exhausted() do
		local seqs = call('ZRANGE', R, left, left + batch(want) - 1)
		if #seqs == 0 then
			return want
		end
		local states, gone = call('HMGET', M, unpack(seqs)), {}
		for i, seq in ipairs(seqs) do
			if want == 0 or exhausted() then
				break
			end
			local e, took = entry(seq), 0
			if e then
				local _, envelope, body = parts(e)
				if quiet or endOf(envelope, nil, states[i]) > now then
					took = use(seq, envelope, body, states[i])
				end
			end
			if took then
				gone[#gone + 1] = seq
				want = want - took
			else
				left = left + 1
			end
		end
		if #gone > 0 then
			call('ZREM', R, unpack(gone))
		end
	end
	return want
end

-- takeNew goes over those above the cursor, which it moves. What is left there, is from then on returned.
local function takeNew(want, use)
	while want > 0 and not exhausted() do
		local found = entries(cursor, want)
		if #found == 0 then
			return want
		end
		local seq
		for i = 1, #found do
			local envelope, body
			seq, envelope, body = parts(found[i])
			local delayed = byte(envelope, 11) % 2 == 1
			if (quiet or endOf(envelope) > now) and not (delayed and isDelayed(envelope)) then
				local took = use(seq, envelope, body)
				if took then
					want = want - took
				else
					call('ZADD', R, seq, seq)
					touched[R] = true
				end
				if took and delayed then
					call('ZREM', D, seq) -- it is ripe, and its end of delay may be noted still
				end
			end
		end
		cursor, changed = tonumber(seq), true
	end
	return want
end

local function take(want, use)
	want = takeReturned(want, use)
	if want > 0 and not exhausted() then
		want = takeNew(want, use)
	end
	return want > 0 and exhausted()
end
