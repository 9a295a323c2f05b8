// Package pure keeps queues in OpenStack Swift alone: for those who run nothing else in the data path.
//
// Swift is eventually consistent and has no compare-and-set. So this store promises less than others, and says so in its
// Capabilities: what was confirmed is durable and is delivered until it is deleted. It does not promise that a message is under
// one claim at a time, nor that messages keep their order under parallel posts. See "What is not promised" below.
//
// # Layout
//
// A queue's incarnation has a container of its own, NAMESPACE-<26 characters of base32 of a hash of project, queue and incarnation>,
// or several, -1, -2 and so on behind the first, if shards is more than 1: a message and its leases lie in one of them, by a hash of
// the message's name; all else lies in the first. The first post of a process to a queue makes what is missing, and stores q; so does one in
// each half hour, for where the queue was deleted meanwhile a bulk upload makes its container anew.
//
//	q                               whose the container is: its name can't be read back
//	m/<13 µs><4 node><4 counter>    message: its body. Content-Type: e= expires, t= TTL, d= due, c= client, h= checksum, k= kept until
//	m/<message>.L<3 generation>     lease: the claim's ID. c= claim, b= which of the ID's claims, n= claim count, x= end and y= TTL that a
//	                                claim has raised. Created once, by If-None-Match: *. Generations beyond fff are M<6>
//	c/<claim>                       claim: JSON: its TTL, last update, and messages. e= end, b= birth, by= node, r= which writing
//	c/!purge.v                      a purge: of what was stored 10 s before, of names up to b=, and of node n= up to u=. v= which purge.
//	                                It stays until a later one covers all that, or a sweep, 25 h later or more, has removed it
//
// The container NAMESPACE has what holds of all queues: control, the ID of the control store, and shards. Beside them, for each queue that
// was deleted, is dropped/<its container>, whose it was. u= up to which name of the process n=, which deleted it, all has gone, and all of others.
//
// A name is a hybrid clock: microseconds that strictly rise in a process and are pushed forward by every larger name that it sees. A
// lease sorts right behind its message, so that one listing shows messages, leases, ends, delays, clients and claim counts; and a
// second one shows claims. The message's highest lease counts, and that as long as the claim that it names lives, in the life that
// b= names: an ID may be used again. Lower leases stay until the message goes, or their names could be taken again.
//
// What ends in milliseconds is in the Content-Type. X-Delete-At, which goes by whole seconds, is a day behind for messages and
// leases, so that no name of a lease becomes free while anybody wants it, and rounded up for claims. A message that a claim makes live
// longer than that day is kept longer by a POST. A claim that can't do that does not hold the message, and a renewal fails; so does one that
// can't find it and sees it listed: of what another process has deleted a renewal may be told so for as long as listings lag.
//
// # Claims
//
// A claim lists m/, then c/: the other way round a lease taken in between would look dead. It puts its own object, which holds nothing
// yet, by If-None-Match, so that a repeated claim is noticed though no listing shows it. Then it takes, in parallel, the next lease
// of each message: only 201 wins, an outcome that nobody knows is read back. If there was a lease, that and its claim are asked for
// first, all replicas: only a 404, another birth, or an end more than 2 s past frees the message (at once if this process has made
// that claim: it knows its clock and renewals). Whatever else comes means that it lives. Then the leases are read back and the bodies
// read, with all replicas asked, and the claim's object is put again with what was won. A claim that lost everything to others lists
// again, up to three times, and passes over what it lost. One that fails removes its object, so that what it took is free: later if Swift
// does not let it, unless the same process claims by that ID again and writes it over. What it may have taken, though nobody could say so, it
// does not hold: a lease of that kind gets no birth, a moment later, and so holds nothing.
//
// An update is refused at the claim's end and after it, also if the end comes amid the call. So the clocks of processes may differ by
// what is left of 2 s when a PUT has taken its time. A pop is a claim of a minute that deletes the messages instead of the last step,
// and then their leases and its claim. Dead letters are set aside under a second claim that no client can name; neither counts as a claim
// of the message.
//
// # Requests
//
//	post n            1 PUT; n > 1, or the first of a process to a queue in half an hour: 1 bulk upload a container
//	list L            2 listings, L GET in parallel; more listings behind 512 names that are filtered out
//	get 1             1 GET and 1 listing in parallel, then 1 HEAD if it was ever leased, 1 or 2 more if it looks expired
//	get n             1 listing, or up to n where many names lie between them, 1 listing of claims, n GET in parallel
//	first             2 listings, 1 GET
//	claim L           2 listings, 1 PUT, L PUT in parallel, L HEAD and L GET in parallel, 1 PUT; and before the leases 1 HEAD for
//	                  each former lease and its claim; and the same once more for dead letters, beside the others. Behind 512 names
//	                  that are passed over: 1 listing more for 10 000 names, and 1 more of claims
//	claim get         1 + n GET in parallel
//	claim update      1 GET, 1 PUT, 1 listing, or more as for get n; and n POST if it extends messages, n HEAD and 1 PUT in the last 2 s of
//	                  the claim
//	claim release     1 DELETE
//	delete            with its claim: 1 GET, 1 DELETE. Without: 1 listing, 1 HEAD and another if it was ever leased, 1 DELETE; 2 HEAD more, one
//	                  step more, for each lease that no listing shows. If it is refused 1 HEAD instead of the DELETE, 2 of what looks expired;
//	                  with another's claim 1 GET before, and at the end that claim is got
//	delete n          1 GET a claim, 1 bulk delete; with claims as a refused delete for each message that they don't hold
//	pop L             as a claim without its last PUT; 2 bulk deletes; L HEAD in parallel if the first fails
//	stats             2 listings for 10 000 names, of them and of claims
//	purge             1 PUT, 1 HEAD, 1 listing for 10 000 names of the last 70 s; for those of the last 10 s 1 bulk delete for 1 000;
//	                  the rest later; when another has followed, or a day later, 1 DELETE
//	queue delete      1 PUT; later 4 listings and 3 bulk deletes for 10 000 names, 2 requests for the container; and until an hour has
//	                  passed 1 GET and 1 listing each time that all is looked through, then 1 DELETE
//	wait              2 listings each second, a process and queue that somebody waits for; less often where they take more than a tenth of
//	                  that. Who lists looks once more for what was posted or released here, or was there when the first came
//
// What Swift gives no answer to is asked for up to three times: what is read or removed, and what is stored under the same name. So is the POST
// that keeps a message longer, with a HEAD in between. But a post stores again only those of its messages of which Swift says that it failed
// to: any other may be consumed by now, and would come back. Where nobody can say, each is asked for by a HEAD: it goes well if all are there, and
// is made again if it was refused and none is. What Swift holds for older than what it has, by the clocks of its proxies, is asked for again for
// somewhat more than a second.
//
// Four of these are more than a store could do with that believes what it is told. A message is got with a listing, for its claim, count
// and extension are in its leases, not in its object. An update lists its messages: without one that is left the claim is
// none, and a lease that another process has taken at the end that the update has just put off must be given up; near that end listings
// would show it too late, and it is asked for; until that has been done the claim says that it has not, for whoever renews it next. A
// former claim is asked for even if listings don't show it any more, for they lag; so is a former lease, in which a renewal may have put
// off the end of the message. And a delete of what no listing shows deletes all the same, for it may be a message posted a moment ago,
// unless it has a lease that no listing shows; and it is refused only if the message is there.
//
// # Listings that lag
//
// A message may come to be listed late, behind names that a reader has passed. A marker therefore has two places: up to the last name
// shown, and up to the horizon of the page, which lies two spans before it was made: the listing horizon (5 s), which has to cover the
// lag and what the processes' clocks differ by, and what a post may take (the server's request_timeout, 5 s), for a name tells when its
// post began. What lies between the places is looked at again; names that were there are remembered by 32-bit hashes in the marker, up
// to 128, and passed over, so that a late one is shown once it is there. If there were more, what lies between is looked at once more
// when the horizon has passed it, and what is not remembered is shown again: twice rather than never.
//
// What this process has deleted, it leaves out of listings, the last 20 000 messages.
//
// # What is not promised
//
//   - C1, exclusive claims: two workers both get a message if one's PUT of the lease was looked at before the other's was stored,
//     and stored after the other one was verified. That needs two processes and an overlap within one PUT, some milliseconds, longer
//     where a disk stalls; lease_settle waits before the verification and narrows it. By as narrow an overlap one keeps a message that
//     renews its claim at the end, and another gets it. During a partition both sides can win.
//   - C7: a claim that one process renews while another releases it may come back, for the time of the renewal: its messages are free only
//     then, or when it is released again.
//   - C2: a message whose latest lease is listed and can't be found, its disks being lost, is under no claim until it ends, for nobody knows
//     whether the lease has put that off. If the oldest four times as many as a claim asks for are so, it gets nothing. The log names such a
//     lease once it is an hour old; when that object has been deleted, though it can't be found, the message is free.
//   - P1: of several messages in a post, a reader may see some first. A post that fails removes what it stored, one that took too long
//     some seconds later; one whose process dies does not.
//   - P3, L2, FIFO: parallel posts may change places, as may those of processes whose clocks differ; and a reader may see a message
//     again, as told above, and never one that came late and was consumed before the listing horizon was over.
//   - P4: a PUT that Swift carries out in part and answers by 503, so that it is made again, or carries out after it said so, brings a message
//     back that was deleted meanwhile. One that it carries out so late for a claim hides its message until that claim ends.
//   - O1: a pop that can't delete all it took gives what Swift knows to have gone, and gives the rest back. What of that is removed later all
//     the same, or has gone and can't be asked for, is lost; so is what had gone when nothing can be asked for, or the process dies.
//   - D2: a dead letter moved by two processes is doubled, one moved by a process that dies amid may be.
//   - S3: stats list all messages of the queue.
//   - Q4: another process may read and post to a deleted queue until it hears from the control store, and get single messages by their IDs,
//     and those under claims, out of a purged one until they have been removed, within seconds. What was posted late goes when all is looked through the next time.
//     A purge leaves what another process posted in the last 10 s and no listing shows yet: rather that than to take what is posted after
//     it, for the clocks of Swift's proxies may be 10 s apart.
//   - G2: of a queue whose deletion was answered by an error, Swift being away, its empty container stays if the process dies before it can
//     write down that it was deleted; so it does if one dies between the deletion of the queue's record and that.
//   - A claim of another process that has ended is free for listings and stats at once, but for claims only 2 s later, or when Swift has
//     let go of it.
//   - W1 and W2 hold within a process; what others do is found by a look each second, and within 10 s after a look that failed. Who is
//     told of something, looks at once and meets a listing that does not show it is told once more, when a look a second later, or the
//     first after that, shows it; if he then meets a listing that is still behind, he is not. Nor is he of what others did and a look has shown.
//   - W1: a message that looks free and that a claim does not get, because the claim of another process has ended a moment ago, or a lease is
//     hidden, is told of again after 2 s, and after twice as long each time, up to 16 s: W3 would not hold otherwise.
//
// # What goes by itself
//
// Leases of deleted messages, deleted queues and purged messages are removed in the background; every hour, and by Collect, so is what
// expired more than a minute ago, unless a lease that no listing shows has extended it, and what another process has left of a deletion or
// purge. What a crash leaves behind Swift removes besides, a day after its time. Containers go only with their queue: a message stored
// while its container goes would be in no listing any more.
package pure
