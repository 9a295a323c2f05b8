-- stats counts. Only when all that is due is done the counts are right: until then it is to be asked again. ARGV: time, whether to count
-- nevertheless.

--#include clock
--#include header
--#include keep
--#include message
--#include maintain

if (more or expired) and ARGV[2] == '' then
	return finish({ now, again })
end

-- at is a message without its body, as the last four of a reply.
local function at(e)
	if not e then
		return {}
	end
	local seq, envelope = parts(e)
	return { seq, envelope, '', call('HGET', K, seq) or call('HGET', M, seq) or '' }
end

local oldest, newest = call('XRANGE', S, '-', '+', 'COUNT', 1)[1], call('XREVRANGE', S, '+', '-', 'COUNT', 1)[1]
return finish({ now, done, call('XLEN', S), call('HLEN', K), at(oldest), at(newest) })
