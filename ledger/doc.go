// Package ledger keeps the account of every message of a run: what was posted, what became of it, and which of the
// service's promises were broken on the way. Tests under faults decide by it, and so do load runs of millions of messages.
//
// The ledger is told what clients do and what they are answered; it knows neither HTTP nor any client. A message is known by
// the number that its producer gave it, not by its ID, so that one whose post was never answered is on the books, too; its
// number travels in its [Body].
//
//	l := ledger.New(ledger.Options{Run: "nightly-1"})
//	q, p, w := l.Queue("project", "queue"), l.Producer(), l.Worker("w1")
//
//	post := p.Post(ledger.Posting{Queue: q, Messages: 1, TTL: time.Minute, Intended: clock.Now()})
//	body := post.Body(0).Append(nil)           // send it, and then one of
//	post.Confirmed(ids, clock.Now())           // Refused(), Unsure()
//
//	claim := w.Claimed(ledger.Claiming{Queue: q, ID: id, TTL: time.Minute, Call: call}, messages)
//	d := claim.Messages()[0].Deleting(clock.Now(), claim)
//	d.Confirmed(clock.Now())                   // Refused(), Unsure()
//
//	drain := l.Drain(q, clock.Now())           // at the end, list all that is left
//	drain.Page(call, messages)
//	drain.Done(clock.Now())
//	fmt.Println(l.Verdict().Report())
//
// # What it takes to be told
//
// Whoever reports keeps four rules; the ledger is then never wrong about a fault, whatever the order in which goroutines
// come to report:
//
//   - What is about to be sent is reported first: posts, deletes, releases, updates of claims.
//   - An answer is reported before anything is done that it led to.
//   - One worker or observer reports its answers in their order.
//   - All times come from one clock that never gives the same time twice; [Clock] is one. What an answer says happened at
//     some time between sending and answer, and every rule is judged by the time that speaks for the store.
//
// An answer that says what happened (2xx) is confirmed; one that says that nothing did is refused: a 4xx, and a 5xx such as 500. All else
// is unsure: a timeout, a broken connection, and what says that the store was not reached in time (502, 503, 504), which all or nothing may
// have come of. What is unsure may happen at any later time, or never.
//
// # Classes
//
// A run with one of these has failed ([Verdict.OK]); each is counted in messages, but for torn, in posts:
//
//	phantom      a refused post appeared, a post appeared twice (under two IDs), or what nobody posted did
//	lost         confirmed, and neither deleted, popped, expired nor left over in the drain
//	duplicated   handed out anew without a release or expiry between, or shown to one observer twice
//	overlapped   under two live claims at once (law C1)
//	reordered    shown to one reader behind a later one of its producer, though it was not taken before (law P3)
//	torn         an observer was shown a part of a post that nobody had touched (law P1)
//	missed       an observer went past a message that it should have been shown (law L2)
//	corrupt      its checksum, run, project or queue is wrong, or its ID is that of another message
//	resurrected  seen after a delete or pop of it was confirmed
//	overdue      delivered more than a second after its TTL, or after what a claim made of that
//
// A message is accused once, of what came to light first; a lost one is counted as lost besides.
//
// # Cost
//
// A message takes 61 bytes, an observer a bit for each. A claim takes about 200 and 60 for each message while it
// has any that aren't gone; IDs are kept as long ([Options].ForgetIDs). One core enters more than a million events a second, and
// reads the bodies meanwhile; a million messages are judged in half a second. There is a lock for every 68 messages. Beyond 20 million messages
// ([Options].InMemory) the records are in a file: a message takes less than two bytes of memory then, and a third more time.
package ledger
