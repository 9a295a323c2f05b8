package ledger_test

import (
	"fmt"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// Two messages are posted; a worker claims the first and deletes it, and the second is never seen again.
func Example() {
	l := ledger.New(ledger.Options{Run: "example"})
	q, p, w := l.Queue("project", "queue"), l.Producer(), l.Worker("worker")

	post := p.Post(ledger.Posting{Queue: q, Messages: 2, TTL: time.Hour, Intended: 0})
	bodies := [][]byte{post.Body(0).Append(nil), post.Body(1).Append(nil)}
	post.Confirmed([]string{"id-0", "id-1"}, 2*time.Millisecond)

	call := ledger.Call{Sent: 3 * time.Millisecond, Answered: 4 * time.Millisecond}
	claim := w.Claimed(ledger.Claiming{Queue: q, ID: "claim-1", TTL: time.Minute, Call: call},
		[]ledger.Seen{{ID: "id-0", Body: bodies[0]}})
	d := claim.Messages()[0].Deleting(5*time.Millisecond, claim)
	d.Confirmed(6 * time.Millisecond)

	drain := l.Drain(q, 7*time.Millisecond)
	drain.Page(ledger.Call{Sent: 7 * time.Millisecond, Answered: 8 * time.Millisecond}, nil)
	drain.Done(8 * time.Millisecond)

	v := l.Verdict()
	fmt.Println(v.OK())
	fmt.Println(v)
	fmt.Println(v.Identity())
	fmt.Println(v.Offenders[0])
	// Output:
	// false
	// run example: failed: lost 1
	// confirmed 2 + unsure appeared 0 = deleted 1 + popped 0 + unsure gone 0 + leftover 0 + expired 0 + lost 1
	// lost: message 1 of producer 0 in project/queue, confirmed, lost, ID id-1
	//   neither deleted, popped, expired nor left over
}
