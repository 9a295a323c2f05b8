// Package indexed keeps the bodies of messages in OpenStack Swift, and all else in an index, which is any other
// [marconi.DataStore]: Redis, an SQL database, memory.
//
// Swift has no order, no compare-and-swap and listings that lag, so nothing here is built on such. The index holds a normal message
// for each message; what it keeps as the body is a reference. Whatever the index promises of order, claims, pages and counts holds, for its
// step is the only one that shows; what is confirmed is as durable as the index, and its body as durable as Swift. Losing the index
// loses the queues.
//
// # Layout
//
// A post is one object, a segment: its bodies behind each other, with a sum over them and the object's name. It never changes. Its name
//
//	PREFIX-segments-NN / HASH/TIMERANDOM
//
// has a container of a fixed number, by the hash of the queue's incarnation; that hash; and a time, so that what is older
// than a moment can be listed. A segment ends by itself (X-Delete-At) 24 hours after its last message. The reference names
// the object, the body's number and that end. Short bodies (Options.InlineBelow) are kept in the index, each for itself.
//
//	index: "1/marconi-segments-07/abc…/5e0…/0/3/1950000000"  or  [{"the": "body"}]
//	Swift: marconi-segments-07/abc…/5e0…   "marconi" 1, 3, bodies, CRC-32C
//
// An index belongs to its containers, by an ID that both have (pairing.go); Bind refuses others.
//
// # Requests
//
//	post                      1 PUT, then 1 call of the index; 0 PUT if all bodies are short
//	list, get, claim          1 call of the index, then 1 GET for each segment that is not cached, all at once
//	update of a claim         1 call of the index, 2 if another process made the claim; before it 1 HEAD and 1 POST for each segment
//	                          that would end before its messages do: after a day of renewals, then once a fortnight; so does a claim
//	                          after its call of the index, also for what a former claim may have made live longer
//	release, delete, stats    1 call of the index; later 1 bulk-delete for up to 1000 segments
//	pop                       2 calls of the index, and the GETs between them
//	deletion, purge           1 call of the index; later a listing, and bulk-deletes
//	start                     1 call of the index, 1 GET
//	move of dead letters      2 calls of the index, 3 on a queue's first one in a day
//
// Segments that were posted or read are cached, in memory of a bounded size. A GET is made once however many wait for it.
//
// # What can go wrong
//
// A crash between the PUT and the index leaves an orphan, which ends by itself. A PUT of which nobody knows what became of it is repeated
// under its name; a post whose outcome in the index nobody knows leaves its segment to expire.
//
// A proxy may say 404 of an object that is there, while replicas are down. So a 404 never removes a message: all replicas are
// asked; then a get is Unavailable, a listing leaves the message out, and a claim or pop keeps it held and unseen until the claim
// ends (of a pop: a minute). Meter swift_bodies_not_found_total counts those. A segment that is to be extended and can't be found is put
// again if it is cached; if not, the update of the claim, or the move, is Unavailable as long as the segment should be there.
//
// When Swift gives no answer, a claim is given back, and the call is Unavailable. Such an attempt counts in the messages'
// claim counts; while the last request failed, bodies are read before anything is claimed, so that an outage makes no dead letters.
// Pop reads first, too, and then takes: of messages that it got though others popped meanwhile, and can't read any more, it
// posts those anew to the queue's end.
//
// # Reaping
//
// A segment is removed early when its last message goes through the process that has seen the others go, or when its queue is
// purged or deleted and it was put there more than a minute before. A dead letter that moves to another queue keeps its
// segment, in the name of its old queue. A queue of the index (incarnation 0, which is nobody's) notes the queues that letters
// have left; it is read after messages have gone and before segments do, and spares the segments of those queues until
// they expire. Nothing else is lost by a reaper that stops, lags or forgets: all segments end by themselves.
package indexed
