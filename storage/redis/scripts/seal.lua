-- seal lets nothing be posted any more, until the queue is deleted: so the header must not end by itself. ARGV: time.

--#include clock
--#include header
--#include keep

allow()
isSealed, changed = 1, true
finish()
call('PERSIST', H)
return { now, done }
