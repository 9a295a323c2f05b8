// Package redis keeps queues in Redis 6.0 or later, or in Valkey: both planes, on one server, behind Sentinel, or in a cluster.
//
//	redis://[user:password@]host[:6379][?option=value&…]
//	redis://[user:password@]sentinel1[:26379],sentinel2?master=NAME
//	redis://[user:password@]/path/of/a/socket
//	rediss://…     with TLS
//	…?cluster=true
//
// The options are those of uri.go. A queue's keys begin with the option prefix, mq1 if it is not given, and Options.Namespace.
//
// # Promises
//
// An operation is one script, which runs as a whole or not at all; so messages keep their order under parallel posts, a claim is exclusive
// and takes the oldest. What is free, claimed or gone is judged by the clock of the server that holds the queue, at each call. A
// crash of that server loses what its configuration says (appendfsync, replicas), unless the URI says durability=aof or replicas.
// A post or pop whose answer never came is not repeated: it may have been done.
//
// A queue lies in one slot of a cluster, and is worked on by one core.
//
// # Layout
//
// A message is appended once to a stream and never rewritten. Consumption has its state beside it, only for messages that were touched; and
// a cursor divides the stream: above it nothing was ever touched. So a claim or list finds free messages without looking at claimed
// ones, however many there are. The keys of a queue have the tag {project/queue/incarnation}, escaped:
//
//	h  string  the header: last number, cursor, moments, and the block of messages that is filled (header.lua)
//	s  stream  the messages: number-0, with the fields e (envelope.go) and b, the body as it came
//	k  hash    number → state of a claimed message (state.go); its length is the count of claimed ones
//	m  hash    number → state of one that was claimed before
//	r  zset    numbers of free messages below the cursor
//	d  zset    numbers of delayed messages, by the moment at which that ends
//	x  zset    blocks of consecutive messages, by the earliest end in them: 32 messages or 64 KiB
//	c  hash    claim → its TTL, last update, end, and the numbers it got
//	l  zset    claims by their ends
//
// A number is at least the time in milliseconds × 1024 (package seqid): position, age and name of a message in one, and no failover turns it
// back. The header is a packed string, not a hash: reading and writing its fields one by one made a post a seventh slower.
//
// Beside queues there are the index of those that may hold messages, for [marconi.DataStore] methods that go over all, and the ID of the control
// store, under {index}; and of the control plane, for each project p the names of its queues and their records, under {p:p}.
//
// # What ends by itself
//
// Nobody sweeps. Reads judge by the time what they find. Claims and delays that are over are ended, and what has expired is removed, by whatever
// call comes next, in turns of sixteen messages moved or looked at, or as many as are posted (maintain.lua): the header knows the
// earliest moment at which there is something to do, so that other calls look for nothing. A claim, pop or list that finds more to end than a turn waits
// for it, up to 100 ms; after a mass expiry larger than that, the order is approximate. All keys of a queue end with its last message, and a
// little later, so that an idle queue costs nothing. That is why the server must have the policy noeviction: volatile-* would drop
// queues in use.
//
// At maxmemory posts fail with [marconi.ErrFull], as a whole, and all that makes room goes on: Redis judges a script by its first write, and
// that of scripts that make room takes none.
//
// # Waiting
//
// Who waits in a process is told by a channel of that process, mq1:wake:PROCESS. The first one who waits for a queue notes the channel behind
// the header, for a minute, which is renewed; calls that free something publish to the channels they find there. Where nobody waits, nothing is
// published.
//
// # Dead letters
//
// One way for all topologies: what was claimed too often stays in its queue under a lease, a claim that no client can name, until it was posted to the
// dead-letter queue and then deleted with the lease. Two queues may lie in different slots, so there is no [marconi.Mover].
//
// # Scripts
//
// A script of the folder scripts is its file, with the files that its lines #include name. They use nothing that Redis 6.0 has not, and
// name their keys by KEYS only. A post is given the header, the blocks and the stream, and asks for the other keys when it needs
// them: if something has to be maintained, or the keys would end before its messages. That is rare, and then a second call.
package redis
