-- first gives the oldest or newest live message. ARGV: time, the place to go on from (0: the end), which end. The reply is like that of list.

--#include clock
--#include header
--#include keep
--#include message
--#include maintain
--#include look

local place, oldest = tonumber(ARGV[2]), ARGV[3] == 'oldest'
while not exhausted() do
	local page
	if oldest then
		page = entries(place, 1)
	else
		page = call('XREVRANGE', S, place == 0 and '+' or format('%.0f', place - 1), '-', 'COUNT', batch(1))
		looked = looked + #page
	end
	if #page == 0 then
		return finish({ now, done, {}, place, 0 })
	end
	local seq, envelope, body = parts(page[1])
	place, weight = tonumber(seq), weight + #body
	local k = call('HGET', K, seq)
	local m = not k and call('HGET', M, seq)
	if endOf(envelope, k, m) > now then
		return finish({ now, done, { seq, envelope, body, k or m or '' }, place, 0 })
	end
end
return finish({ now, done, {}, place, 1 })
