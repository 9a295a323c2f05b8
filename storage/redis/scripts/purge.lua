-- purge drops messages and claims. ARGV: time, whether the queue is to go on: then the header keeps its place in the sequence, and who waits.

--#include clock
--#include header
--#include keep

if ARGV[2] == '' then
	call('UNLINK', unpack(KEYS))
	return { now, done }
end
call('UNLINK', S, K, M, R, D, X, C, L)
if header then
	cursor, mark, due = last, 0, never -- the mark: keys that are made anew need an end
	openFirst, openEnd, openCount, openBytes = 0, never, 0, 0
	changed = true
end
return finish({ now, done })
