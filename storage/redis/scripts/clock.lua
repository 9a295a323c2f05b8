-- The time of all scripts but posts is their first argument.

local given = ARGV[1]

--#include time
