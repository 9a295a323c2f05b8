-- A queue that has become empty needs no index of what ends when.
if call('XLEN', S) == 0 then
	call('UNLINK', X)
	if openCount > 0 then
		openCount, openBytes, openEnd, changed = 0, 0, never, true
	end
end
