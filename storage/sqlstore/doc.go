// Package sqlstore keeps queues in an SQL database: both planes, and dead letters moved in one transaction.
//
//	sqlite:///relative/path.db
//	sqlite:////absolute/path.db
//	sqlite://  or  sqlite:///:memory:
//
// Behind a question mark may stand
//
//	synchronous=full|normal|off   what a power cut may take: nothing, the last commits, the file; default full
//	max_bytes=N                   how much the database may hold; see below; default: as much as the disk does
//	busy_timeout=MILLISECONDS     how long to wait for a lock of another program, such as a backup; default 4000, less than a request has
//	mmap=BYTES                    how much of the file to read through memory: faster, but an error of the disk then
//	                              ends the process instead of a call; default 0
//	group_commit=on|off           off: a transaction for each operation, to measure what sharing them is worth
//
// A file belongs to one process at a time, which holds a lock on FILE.lock. Options.Namespace is part of the file's name.
//
// # Promises
//
// Messages keep their order under parallel posts: one writer gives them sequence numbers in the order of its commits
// (package seqid). An operation is a transaction's part that is done or not done. What was answered is on the disk, and so is what is
// shown: the log is synced beside the writer, and answers and reads wait for that (sqlite_sync.go). A claim
// is exclusive and takes the oldest. No operation costs more on a longer queue, and no read writes.
//
// # Bounds
//
// With max_bytes, a post, a new queue and longer metadata for which there is no room in N bytes fail with
// [marconi.ErrFull]. All that makes room goes on as ever: claims, pops, deletions, and moves of dead letters; and what they
// make room for is taken again at once, or, after a queue was deleted or purged, within seconds. What counts is the pages of the
// file that are in use, by both planes, indexes included, and by messages that have expired until they are collected.
// So the file grows no larger than N, but for a few pages (64 KiB at most, however much is posted at once), and for claims, which
// nothing refuses and which take about 25 bytes for each message that they hold, and 200 for themselves. The log beside the
// file comes on top; it has 4 MiB, a batch of writes (4 MiB) more, and grows while somebody, such as a backup, reads for long. A
// database that holds more than N already opens, and lets itself be emptied.
//
// Where the system tells how much of the disk is free (Linux, macOS, FreeBSD), posts leave 16 MiB of it: without any room
// nobody could delete either. When something else has taken those too, writes fail with [marconi.ErrFull] until there is
// room again. Options.Logger is told once.
//
// A file becomes smaller by itself: when a quarter of it was free for 3 to 8 seconds it is given back, in turns of
// a few milliseconds.
//
// # Damage
//
// Opening looks at the file's head, its length, and the first page of each table and index. What is damaged further in is found by
// who reads it: an error, which names the file, and never a wrong answer for want of a look; each body has a sum beside it. But for
// one: a log that is damaged ends for SQLite where the damage begins.
//
// # Layout
//
// A message is two rows: what changes (messages, about a hundred bytes) and its body (bodies). Measured on 20 messages
// of 64 KiB, a claim of ten takes 1.2 ms this way and 12 ms if the body stands in the row that is rewritten; at 1 KiB there is
// no difference. What keeps messages back until a moment is one row for all of them, a hold: a claim, the lease of dead
// letters, or a delay. A message names its hold, and the index of free messages has those without one. So a claim of ten
// changes ten narrow rows and an entry each in one index (a due time and a claim in each message, with an index for
// both, took 1.6 times as long), and an update of a claim changes one row. When the moment has come, reads count the messages as
// free, a claim or pop frees them before it chooses, and the collector does in turns.
//
// A queue's row holds its last sequence number and its counts, which are those of rows: expired messages are removed
// soon, and what was not yet is taken off while counting. Dropping a queue removes its row, purging raises
// a number in it; the messages are removed in turns of about 5 ms.
//
// # Much at once
//
// 100 000 messages may expire in one second, or be in claims that end in it, and it takes seconds to remove or free them. Meanwhile
// nobody waits, and nothing is seen that is over. What has expired at the beginning of a queue is passed over as by a purge, within a
// tenth of a second; elsewhere a search goes past it in the index of free messages, at 0.1 µs for each, and claims remember where.
// Of claims that are over, a claim ends those first that hold the oldest messages, and no more than it needs; a listing goes over
// the messages themselves where more than a few are over. Counts take off up to 10 000 expired messages and 2000
// claims; of more, the rest counts until it is collected.
//
// # Dialects
//
// What is particular to SQLite is in the files sqlite_*.go, and writer.go, which shares commits; the rest is the rules and
// goes for every [dialect]. Statements run through database/sql: beside SQLite's own work it costs 0.3 µs a statement and 3 µs
// a query, and the next dialects have drivers for it.
package sqlstore
