package ledger_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// A desk is a ledger with one queue, one producer and one worker, and no store: what happened is told second by second.
type desk struct {
	l *ledger.Ledger
	q *ledger.Queue
	p *ledger.Producer
	w *ledger.Worker
}

func newDesk(o ledger.Options) *desk {
	o.Run = "desk"
	l := ledger.New(o)
	return &desk{l: l, q: l.Queue("p", "q"), p: l.Producer(), w: l.Worker("w")}
}

// at is a call from one second to another.
func at(sent, answered float64) ledger.Call {
	return ledger.Call{Sent: seconds(sent), Answered: seconds(answered)}
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s*1e6)) * time.Microsecond }

// sending is a post of n messages, with a TTL of an hour, that has not been answered.
func (d *desk) sending(n int, sent float64) ledger.Post {
	return d.p.Post(ledger.Posting{Queue: d.q, Messages: n, TTL: time.Hour, Intended: seconds(sent)})
}

// post is a confirmed post of n messages.
func (d *desk) post(n int, sent float64) ledger.Post {
	post := d.sending(n, sent)
	post.Confirmed(ids(post), seconds(sent+0.5))
	return post
}

func ids(post ledger.Post) (ids []string) {
	for i := range post.Len() {
		ids = append(ids, show(post, i).ID)
	}
	return ids
}

// show is a message as it should be shown.
func show(post ledger.Post, i int) ledger.Seen {
	b := post.Body(i)
	return ledger.Seen{ID: fmt.Sprintf("id-%d.%d", b.Producer, b.Number), Body: b.Append(nil)}
}

func showAll(post ledger.Post) (all []ledger.Seen) {
	for i := range post.Len() {
		all = append(all, show(post, i))
	}
	return all
}

// claim is a claim of ten seconds.
func (d *desk) claim(id string, c ledger.Call, got ...ledger.Seen) *ledger.Claim {
	return d.w.Claimed(ledger.Claiming{Queue: d.q, ID: id, TTL: 10 * time.Second, Call: c}, got)
}

// drain drains the queue at the end, and gives the verdict.
func (d *desk) drain(left ...ledger.Seen) ledger.Verdict {
	drain(d.l, d.q, left...)
	return d.l.Verdict()
}

func drain(l *ledger.Ledger, q *ledger.Queue, left ...ledger.Seen) {
	drain := l.Drain(q, seconds(1000))
	drain.Page(at(1001, 1002), left)
	drain.Done(seconds(1003))
}

// wantFaults fails unless the faults are those: class and count, one after the other.
func wantFaults(t *testing.T, v ledger.Verdict, want map[ledger.Class]int64) {
	t.Helper()
	if !maps.Equal(v.Faults, want) || !v.Balanced() {
		t.Errorf("the faults are %v, want %v: %s", v.Faults, want, v.Report())
	}
}

type faults = map[ledger.Class]int64

func TestNothingIsOKUntilTheQueueIsDrained(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.post(2, 1)
	before := d.l.Verdict()
	if before.OK() || before.Undecided != 2 || !before.Balanced() {
		t.Errorf("before the drain: %s", before.Report())
	}
	after := d.drain(showAll(post)...)
	if !after.OK() || after.Leftover != 2 || after.Undecided != 0 {
		t.Errorf("after the drain: %s", after.Report())
	}
	d.post(1, 1001.5)
	if late := d.l.Verdict(); late.OK() || late.Undecided != 1 {
		t.Errorf("with a post that was answered after the drain had begun: %s", late.Report())
	}
}

func TestWhatIsUnsureIsNeitherLostNorDoubled(t *testing.T) {
	d := newDesk(ledger.Options{})
	posts := []ledger.Post{d.post(1, 1), d.post(1, 2), d.post(1, 3), d.post(1, 4)}
	gone, there := d.sending(1, 5), d.sending(1, 6)
	gone.Unsure()
	there.Unsure()
	posts[0].Message(0).Deleting(seconds(7), nil).Unsure()
	d.q.PopUnsure(seconds(8), 2) // may have taken two of three
	v := d.drain(show(there, 0))
	wantFaults(t, v, faults{ledger.Lost: 1})
	if v.Unsure != 2 || v.UnsureAppeared != 1 || v.UnsureGone != 3 || v.Leftover != 1 || v.Lost != 1 {
		t.Errorf("the counts are wrong: %s", v.Report())
	}
}

func TestUnansweredPostCountsAsUnsure(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.sending(2, 1)
	v := d.drain(showAll(post)...)
	if !v.OK() || v.Unsure != 2 || v.UnsureAppeared != 2 || v.Leftover != 2 {
		t.Errorf("a post that has no end yet: %s", v.Report())
	}
	post.Unsure()
	if again := d.l.Verdict(); !again.OK() || again.UnsureAppeared != 2 {
		t.Errorf("and then is unsure: %s", again.Report())
	}
}

func TestAnswerWithAnotherNumberOfIDsConfirmsNothing(t *testing.T) {
	for _, ids := range [][]string{nil, {"one"}, {"one", "two", "three"}} {
		d := newDesk(ledger.Options{History: true})
		d.sending(2, 1).Confirmed(ids, seconds(2))
		if v := d.drain(); !v.OK() || v.Confirmed != 0 || v.Unsure != 2 {
			t.Errorf("%d IDs for two messages: %s", len(ids), v.Report())
		}
	}
}

// A take is a claim of that name, or a pop if it has none.
type take struct {
	name string
	call ledger.Call
}

// An ending is what is done with a claim.
type ending struct {
	how      string // "release", "delete"; ""
	from, to float64
}

func TestTwoTakes(t *testing.T) {
	const anew = ledger.Class("handed out anew")
	for _, test := range []struct {
		name   string
		first  take
		end    ending // of the first
		second take
		want   ledger.Class
	}{
		{"while it is claimed", take{"a", at(2, 3)}, ending{}, take{"b", at(4, 5)}, ledger.Overlapped},
		{"when the claim has ended", take{"a", at(2, 3)}, ending{}, take{"b", at(14, 15)}, anew},
		{"when the claim may have ended", take{"a", at(2, 3)}, ending{}, take{"b", at(11, 12)}, anew},
		{"a moment before it may have", take{"a", at(2, 3)}, ending{}, take{"b", at(11, 11.9)}, ledger.Overlapped},
		{"after a release", take{"a", at(2, 3)}, ending{"release", 4, 5}, take{"b", at(6, 7)}, anew},
		{"during a release", take{"a", at(2, 3)}, ending{"release", 4, 5}, take{"b", at(3.5, 4.2)}, anew},
		{"before a release", take{"a", at(2, 3)}, ending{"release", 4, 5}, take{"b", at(3.2, 3.5)}, ledger.Overlapped},
		{"after a delete", take{"a", at(2, 3)}, ending{"delete", 4, 5}, take{"b", at(6, 7)}, ledger.Resurrected},
		{"during a delete", take{"a", at(2, 3)}, ending{"delete", 4, 5}, take{"b", at(4.2, 4.5)}, ledger.Duplicated},
		{"before a delete", take{"a", at(2, 3)}, ending{"delete", 4, 5}, take{"b", at(3.2, 3.5)}, ledger.Overlapped},
		{"a delete, long after the end of another claim", take{"a", at(20, 21)}, ending{"delete", 22, 23}, take{"b", at(2, 3)}, anew},
		{"a pop while it is claimed", take{"a", at(2, 3)}, ending{}, take{"", at(4, 5)}, ledger.Overlapped},
		{"a pop while it is being claimed", take{"a", at(2, 4)}, ending{}, take{"", at(3, 5)}, ledger.Duplicated},
		{"a pop after the claim", take{"a", at(2, 3)}, ending{}, take{"", at(13, 14)}, anew},
		{"a claim after a pop", take{"", at(2, 3)}, ending{}, take{"b", at(4, 5)}, ledger.Resurrected},
		{"a claim during a pop", take{"", at(2, 5)}, ending{}, take{"b", at(3, 4)}, ledger.Duplicated},
		{"a pop after a pop", take{"", at(2, 3)}, ending{}, take{"", at(4, 5)}, ledger.Resurrected},
		{"a pop during a pop", take{"", at(2, 4)}, ending{}, take{"", at(3, 5)}, ledger.Duplicated},
	} {
		for place := range 4 { // of the second report among the others
			if place < 2 && test.end.how != "" && seconds(test.end.from) < test.second.call.Answered {
				continue // what is about to be sent is reported first
			}
			t.Run(fmt.Sprintf("%s, report %d", test.name, place), func(t *testing.T) {
				v := twoTakes(test.first, test.second, test.end, place)
				want := faults{test.want: 1}
				if test.want == anew {
					want = faults{}
				}
				wantFaults(t, v, want)
				if n := v.Redelivered.Count; (test.want == anew) != (n == 1) {
					t.Errorf("redelivered %d times", n)
				}
			})
		}
	}
}

func TestThirdTake(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.post(1, 0)
	d.claim("b", at(20, 21), showAll(post)...)
	d.claim("a", at(2, 3), showAll(post)...) // told late, and long over
	d.claim("c", at(22, 23), showAll(post)...)
	v := d.l.Verdict()
	wantFaults(t, v, faults{ledger.Overlapped: 1})
	if v.Redelivered.Count != 1 {
		t.Errorf("redelivered %d times, want once", v.Redelivered.Count)
	}
}

func twoTakes(first, second take, end ending, place int) ledger.Verdict {
	d := newDesk(ledger.Options{})
	post := d.post(1, 0)
	report := func(x take) *ledger.Claim {
		if x.name == "" {
			d.w.Popped(d.q, x.call, showAll(post))
			return nil
		}
		return d.claim(x.name, x.call, showAll(post)...)
	}
	var claim *ledger.Claim
	var deletion ledger.Deletion
	reports := []func(){
		func() { claim = report(first) },
		func() {
			switch end.how {
			case "release":
				claim.Releasing(seconds(end.from))
			case "delete":
				deletion = claim.Messages()[0].Deleting(seconds(end.from), claim)
			}
		},
		func() {
			switch end.how {
			case "release":
				claim.Released(seconds(end.to))
			case "delete":
				deletion.Confirmed(seconds(end.to))
			}
		},
	}
	for _, do := range slices.Insert(reports, place, func() { report(second) }) {
		do()
	}
	return d.l.Verdict()
}
