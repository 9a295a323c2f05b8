-- list gives messages behind a place. ARGV: time, place, limit, whether to take what is ripe, with claimed ones, with delayed ones,
-- and whose messages to leave out (empty: nobody's), and whether that is a UUID. The reply is the messages, the place up to which it looked, and whether
-- there is more to look at.

--#include clock
--#include header
--#include keep
--#include message
--#include maintain
--#include look

local after, want = tonumber(ARGV[2]), tonumber(ARGV[3])
local withClaimed, withDelayed, own, uuid = ARGV[5] == '1', ARGV[6] == '1', ARGV[7], ARGV[8] == '1'
local found = {}

if more and ARGV[4] == '' then
	return finish({ now, again, {}, after, 1 })
end

-- show adds a message to the page if it is asked for.
local function show(seq, envelope, body, k, m)
	local held = k and (quiet or unpacked('>I6', k) > now)
	if held and not withClaimed
		or not quiet and endOf(envelope, k, m) <= now
		or not held and not withDelayed and isDelayed(envelope)
		or own ~= '' and sub(envelope, 12, 11 + #own) == own and floor(byte(envelope, 11) / 2) % 2 == 1 == uuid then
		return
	end
	want = want - 1
	local n = #found
	found[n + 1], found[n + 2], found[n + 3], found[n + 4] = seq, envelope, body, k or m or ''
end

-- returned goes over the free messages below the cursor: claimed ones are not even looked at.
local function returned()
	while want > 0 and after < cursor and not exhausted() do
		local seqs = call('ZRANGEBYSCORE', R, format('(%.0f', after), format('%.0f', cursor), 'LIMIT', 0, batch(want))
		if #seqs == 0 then
			after = cursor
			return
		end
		local states = call('HMGET', M, unpack(seqs))
		for i, seq in ipairs(seqs) do
			if exhausted() then
				return
			end
			local e = entry(seq)
			after = tonumber(seq)
			if e then
				local _, envelope, body = parts(e)
				show(seq, envelope, body, nil, states[i])
			end
		end
	end
end

-- all goes over all messages, whose states are those of k and m as far as they are below the cursor.
local function all()
	while want > 0 and not exhausted() do
		local page = entries(after, want)
		if #page == 0 then
			return false
		end
		local k, m, seqs = {}, {}, {}
		for i = 1, #page do
			seqs[i] = sub(page[i][1], 1, -3)
		end
		if tonumber(seqs[1]) <= cursor then
			k, m = call('HMGET', K, unpack(seqs)), call('HMGET', M, unpack(seqs))
		end
		for i = 1, #page do
			local fields = page[i][2]
			show(seqs[i], fields[2], fields[4], k[i], m[i])
		end
		after = tonumber(seqs[#seqs])
	end
	return want > 0
end

if not (withClaimed or withDelayed) then
	returned()
end
local unseen = all()
return finish({ now, done, found, after, unseen and 1 or 0 })
