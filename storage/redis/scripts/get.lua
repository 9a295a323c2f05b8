-- get gives the live ones of some messages, in the order asked for. ARGV: time, their numbers.

--#include clock
--#include header
--#include message

local seqs, found = {}, {}
for i = 2, #ARGV do
	seqs[i - 1] = ARGV[i]
end
local k, m = call('HMGET', K, unpack(seqs)), call('HMGET', M, unpack(seqs))
for i, seq in ipairs(seqs) do
	local e = call('XRANGE', S, seq, seq)[1]
	if e then
		local _, envelope, body = parts(e)
		if endOf(envelope, k[i], m[i]) > now then
			local n = #found
			found[n + 1], found[n + 2], found[n + 3], found[n + 4] = seq, envelope, body, k[i] or m[i] or ''
		end
	end
end
return { now, done, found }
