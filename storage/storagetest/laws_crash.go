package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func crashLawCases() []testCase {
	return []testCase{
		{"P1 P4 one try, one copy (Crash)", oneTryOneCopy},
		{"O1 what is popped is gone, or is not (Crash)", poppedOrNot},
		{"C1 a claim whose answer was lost is found again (Crash)", claimFoundAgain},
		{"D2 a dead letter is in one place (Crash)", deadLetterInOnePlace},
		{"a call whose answer was lost may be repeated (Crash)", repeatable},
		{"R1 degraded (Crash)", degraded},
	}
}

// callTimeout is the deadline of a call over a bad line. It is short, for some calls use it up.
const callTimeout = 3 * time.Second

// line is the store's line, or the case is skipped. The case gets a store to itself: others must not meet its losses.
func (r *rig) line(t testing.TB) (*rig, cut) {
	t.Helper()
	if r.h.Cut == nil {
		t.Skip("the store has no line to be cut: Harness.Cut is nil")
	}
	r = r.fresh(t)
	return r, cut{r.h.Cut(t, r.opened), r.h.CutsPart}
}

// A cut is the line of a store, or of a part of it.
type cut struct {
	Line
	part bool
}

// An attempt sets something up, and gives the call whose reply is to be lost and, maybe, what must hold afterwards.
type attempt func() (call func(ctx context.Context) error, check func(what string, err error))

// eachReplyLost makes attempt after attempt, losing reply 0 of the first call, reply 1 of the next and so on, until a
// call has used up fewer replies than that. Each ends well or is Unavailable.
func eachReplyLost(t *testing.T, line cut, name string, try attempt) {
	t.Helper()
	const most = 50 // replies to one call
	for n := range most {
		call, check := try()
		ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
		struck := line.LoseReply(n)
		err := call(ctx)
		lost := struck()
		cancel()
		what := fmt.Sprintf("%s with reply %d lost", name, n)
		if err != nil {
			wantUnavailable(t, what, err)
		}
		if check != nil {
			check(what, err)
		}
		if !lost && n == 0 && line.part {
			t.Skipf("%s needs nothing of the part that the line leads to: Harness.CutsPart", name)
		}
		if !lost && n == 0 {
			t.Fatalf("%s took no reply of the server: none could be lost", name)
		}
		if !lost {
			return
		}
	}
	t.Fatalf("%s took %d replies of the server", name, most)
}

func oneTryOneCopy(t *testing.T, r *rig) {
	r, line := r.line(t)
	q := r.queue(t)
	confirmed := map[string]bool{}
	post := func() (func(ctx context.Context) error, func(string, error)) {
		label := fmt.Sprint("batch ", len(confirmed))
		p := marconi.Post{Client: producer}
		for range 3 {
			p.Messages = append(p.Messages, message(longTTL, label))
		}
		return func(ctx context.Context) error {
			_, err := q.ds.Post(ctx, q.QueueRef, p)
			return err
		}, func(_ string, err error) { confirmed[label] = err == nil }
	}
	for range 3 { // on a queue never used, then on one in use
		eachReplyLost(t, line, "Post", post)
	}
	copies := map[string]int{}
	for _, b := range bodies(q.listAll()) {
		copies[b]++
	}
	for label, sure := range confirmed {
		if n := copies[label]; n != 3 && (n != 0 || sure) {
			t.Errorf("%s of 3, confirmed %v: %d messages are there", label, sure, n)
		}
	}
}

func poppedOrNot(t *testing.T, r *rig) {
	r, line := r.line(t)
	q := r.queue(t)
	const total, each = 200, 2
	q.post(labels(1, total)...)
	seen, mayBeGone := map[string]int{}, 0
	eachReplyLost(t, line, "Pop", func() (func(ctx context.Context) error, func(string, error)) {
		return func(ctx context.Context) error {
				got, err := q.ds.Pop(ctx, q.QueueRef, each)
				for _, b := range bodies(got) {
					seen[b]++
				}
				return err
			}, func(_ string, err error) {
				if err != nil {
					mayBeGone += each
				}
			}
	})
	for _, b := range bodies(q.listAll()) {
		seen[b]++
	}
	for b, n := range seen {
		if n != 1 {
			t.Errorf("message %s was seen %d times, by pops and afterwards", b, n)
		}
	}
	if gone := total - len(seen); gone > mayBeGone {
		t.Errorf("%d messages are gone that no pop gave; those that failed may have taken %d", gone, mayBeGone)
	}
}

func claimFoundAgain(t *testing.T, r *rig) {
	r, line := r.line(t)
	eachReplyLost(t, line, "Claim", func() (func(ctx context.Context) error, func(string, error)) {
		q := r.queue(t)
		q.post("a", "b", "c")
		c := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 2}
		return func(ctx context.Context) error {
				_, err := q.ds.Claim(ctx, q.QueueRef, c)
				return err
			}, func(what string, _ error) {
				got := q.claimAs(c).Messages
				wantBodies(t, "the same claim again, after a "+what, got, "a", "b")
				if counts := claimCounts(got); !slices.Equal(counts, []int{1, 1}) {
					t.Errorf("claim counts after a %s, and its repeat: %v, want [1 1]", what, counts)
				}
				q.wantCounts(1, 2)
			}
	})
}

func deadLetterInOnePlace(t *testing.T, r *rig) {
	r, line := r.line(t)
	m := mover(t, r)
	eachReplyLost(t, line, "MoveSpent", func() (func(ctx context.Context) error, func(string, error)) {
		q, dead := r.queue(t), r.queue(t)
		q.post("a", "b")
		q.wear()
		_, got := q.spend(5, 1)
		return func(ctx context.Context) error {
				return m.MoveSpent(ctx, q.QueueRef, got.Lease, idsOf(got.Spent), marconi.DeadLetter{Queue: dead.QueueRef})
			}, func(what string, _ error) {
				all := append(q.listAll(), dead.listAll()...)
				wantBodies(t, "both queues after a "+what, all, "a", "b")
			}
	})
}

// repeatable tries the calls that a driver may send again by itself: what comes is the right answer or none.
func repeatable(t *testing.T, r *rig) {
	r, line := r.line(t)
	for name, call := range map[string]func(ctx context.Context, q *queue, id marconi.MessageID, claim marconi.ClaimID) error{
		"Delete": func(ctx context.Context, q *queue, id marconi.MessageID, claim marconi.ClaimID) error {
			return q.ds.Delete(ctx, q.QueueRef, id, claim)
		},
		"DeleteMessages": func(ctx context.Context, q *queue, id marconi.MessageID, claim marconi.ClaimID) error {
			return q.ds.DeleteMessages(ctx, q.QueueRef, []marconi.MessageID{id}, []marconi.ClaimID{claim})
		},
		"UpdateClaim": func(ctx context.Context, q *queue, _ marconi.MessageID, claim marconi.ClaimID) error {
			return q.ds.UpdateClaim(ctx, q.QueueRef, claim, marconi.ClaimUpdate{TTL: 70})
		},
		"Release": func(ctx context.Context, q *queue, _ marconi.MessageID, claim marconi.ClaimID) error {
			return q.ds.Release(ctx, q.QueueRef, claim)
		},
		"Message": func(ctx context.Context, q *queue, id marconi.MessageID, _ marconi.ClaimID) error {
			_, err := q.ds.Message(ctx, q.QueueRef, id)
			return err
		},
		"Stats": func(ctx context.Context, q *queue, _ marconi.MessageID, _ marconi.ClaimID) error {
			_, err := q.ds.Stats(ctx, q.QueueRef)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachReplyLost(t, line, name, func() (func(ctx context.Context) error, func(string, error)) {
				q := r.queue(t)
				id := q.post("a", "b")[0]
				claim, _ := q.claim(60, 2)
				return func(ctx context.Context) error { return call(ctx, q, id, claim) }, nil
			})
		})
	}
}

func degraded(t *testing.T, r *rig) {
	r, line := r.line(t)
	q := r.queue(t)
	id := q.post("a")[0]
	wantDegraded(t, line, map[string]func(ctx context.Context) error{
		"Ping": q.ds.Ping,
		"Post": q.postOwn,
		"List": func(ctx context.Context) error {
			_, err := q.ds.List(ctx, q.QueueRef, everything)
			return err
		},
		"Message": func(ctx context.Context) error {
			_, err := q.ds.Message(ctx, q.QueueRef, id)
			return err
		},
		"Claim": func(ctx context.Context) error {
			_, err := claimNext(ctx, q, 1)
			return err
		},
		"Stats": func(ctx context.Context) error {
			_, err := q.ds.Stats(ctx, q.QueueRef)
			return err
		},
	})
}

// wantDegraded breaks the line: no call may wait beyond its deadline, and once it is mended, all go well again.
func wantDegraded(t *testing.T, line Line, calls map[string]func(ctx context.Context) error) {
	t.Helper()
	line.Break()
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		begun := time.Now()
		err := call(ctx)
		cancel()
		wantUnavailable(t, name+" over a broken line", err)
		if took := time.Since(begun); took > callTimeout {
			t.Errorf("%s over a broken line took %v, with a deadline of 1 s", name, took)
		}
	}
	line.Mend()
	for name, call := range calls {
		err := call(t.Context())
		for end := time.Now().Add(callTimeout); err != nil && time.Now().Before(end); err = call(t.Context()) {
			time.Sleep(10 * time.Millisecond) // a driver may wait a little before it connects again
		}
		if err != nil {
			t.Errorf("%s over a mended line: %v", name, err)
		}
	}
}

func controlCrashCases() []testCase {
	return []testCase{
		{"a queue whose maker heard nothing is made once (Crash)", creationAnswerLost},
		{"metadata is as before or as sent (Crash)", metadataAnswerLost},
		{"R1 degraded (Crash)", degradedControl},
	}
}

func creationAnswerLost(t *testing.T, r *rig) {
	r, line := r.line(t)
	eachReplyLost(t, line, "CreateQueue", func() (func(ctx context.Context) error, func(string, error)) {
		p := r.project(t)
		return func(ctx context.Context) error {
				_, _, err := p.cs.CreateQueue(ctx, p.key("q"), marconi.Metadata(`{"a": 1}`))
				return err
			}, func(what string, _ error) {
				first, _ := p.create("q", `{"a": 1}`)
				if again, created := p.create("q", ""); created || again.QueueRef != first.QueueRef {
					t.Errorf("after a %s, and its repeat, the queue is %+v, new %v; want %+v", what, again.QueueRef, created, first.QueueRef)
				}
				p.wantNames("q")
			}
	})
}

func metadataAnswerLost(t *testing.T, r *rig) {
	r, line := r.line(t)
	eachReplyLost(t, line, "SetMetadata", func() (func(ctx context.Context) error, func(string, error)) {
		p := r.project(t)
		before, _ := p.create("q", `{"a": 1}`)
		return func(ctx context.Context) error {
				return p.cs.SetMetadata(ctx, p.key("q"), marconi.Metadata(`{"b": 2}`))
			}, func(what string, err error) {
				after := p.queue("q")
				isOld, isNew := string(after.Metadata) == `{"a": 1}`, string(after.Metadata) == `{"b": 2}`
				if after.QueueRef != before.QueueRef || !isNew && (err == nil || !isOld) {
					t.Errorf("after a %s, error %v, the queue is %+v with %s", what, err, after.QueueRef, after.Metadata)
				}
			}
	})
}

func degradedControl(t *testing.T, r *rig) {
	r, line := r.line(t)
	p := r.project(t)
	p.mustCreate("q")
	wantDegraded(t, line, map[string]func(ctx context.Context) error{
		"Ping": p.cs.Ping,
		"CreateQueue": func(ctx context.Context) error {
			_, _, err := p.cs.CreateQueue(ctx, p.key("q2"), nil)
			return err
		},
		"Queue": func(ctx context.Context) error {
			_, err := p.cs.Queue(ctx, p.key("q"))
			return err
		},
		"ListQueues": func(ctx context.Context) error {
			_, err := p.cs.ListQueues(ctx, p.name, marconi.QueueListing{Limit: 5})
			return err
		},
	})
}
