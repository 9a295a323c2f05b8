// Package sqlstore keeps queues in an SQL database: both planes, and dead letters moved in one transaction.
//
//	sqlite:///relative/path.db
//	sqlite:////absolute/path.db
//	sqlite://  or  sqlite:///:memory:
//
// Behind a question mark may stand
//
//	synchronous=full|normal|off   what a power cut may take: nothing, the last commits, the file; default full
//	busy_timeout=MILLISECONDS     how long to wait for a lock of another program, such as a backup; default 5000
//	mmap=BYTES                    how much of the file to read through memory: faster, but an error of the disk then
//	                              ends the process instead of a call; default 0
//	group_commit=on|off           off: a transaction for each operation, to measure what sharing them is worth
//
// A file belongs to one process at a time, which holds a lock on FILE.lock. Options.Namespace is part of the file's name.
//
// # Promises
//
// Messages keep their order under parallel posts: one writer gives them sequence numbers in the order of its commits
// (package seqid). An operation is a transaction's part that is done or not done. What was answered is on the disk. A claim
// is exclusive and takes the oldest. No operation costs more on a longer queue, and no read writes.
//
// # Layout
//
// A message is two rows: what changes (messages, about a hundred bytes) and its body (bodies). Measured on 20 messages
// of 64 KiB, a claim of ten takes 1.2 ms this way and 12 ms if the body stands in the row that is rewritten; at 1 KiB there is
// no difference. What keeps messages back until a moment is one row for all of them, a hold: a claim, the lease of dead
// letters, or a delay. A message names its hold, and the index of free messages has those without one. So a claim of ten
// changes ten narrow rows and an entry each in one index (a due time and a claim in each message, with an index for
// both, took 1.6 times as long), and an update of a claim changes one row. When the moment has come, reads count the messages as
// free, a claim or pop frees them in turns before it chooses, and the collector does within a second.
//
// A queue's row holds its last sequence number and its counts, which are those of rows: expired messages are removed
// within a second, and what was not yet is taken off while counting. Dropping a queue removes its row, purging raises
// a number in it; the messages are removed in turns of about 5 ms.
//
// # Dialects
//
// What is particular to SQLite is in the files sqlite_*.go, and writer.go, which shares commits; the rest is the rules and
// goes for every [dialect]. Statements run through database/sql: beside SQLite's own work it costs 0.3 µs a statement and 3 µs
// a query, and the next dialects have drivers for it.
package sqlstore
