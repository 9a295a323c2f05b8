package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// invariants are queries that must give no row, by what a row would mean.
var invariants = map[string]string{
	"a queue's total is not the number of its rows": `
SELECT q.name, q.n_total, count(m.seq) AS found FROM data_queues q LEFT JOIN messages m ON m.qid = q.id AND m.seq >= q.first_seq
GROUP BY q.id HAVING q.n_total <> found`,
	"a queue's claimed are not those its claims and leases hold": `
SELECT q.name, q.n_claimed, coalesce(sum(h.n), 0) AS found FROM data_queues q
LEFT JOIN holds h ON h.qid = q.id AND h.first >= q.first_seq AND h.kind <> 3 GROUP BY q.id HAVING q.n_claimed <> found`,
	"a hold does not hold as many as it says, or nothing": `
SELECT h.id, h.n, count(m.seq) AS found FROM holds h JOIN data_queues q ON q.id = h.qid AND h.first >= q.first_seq
LEFT JOIN messages m ON m.qid = h.qid AND m.hold = h.id GROUP BY h.id HAVING h.n <> found OR found = 0`,
	"a message is held by what is not there, or does not list it": `
SELECT m.qid, m.seq, m.hold FROM messages m JOIN data_queues q ON q.id = m.qid AND m.seq >= q.first_seq WHERE m.hold <> 0
AND NOT EXISTS (SELECT 1 FROM holds h, json_each(h.seqs) s WHERE h.id = m.hold AND h.qid = m.qid AND s.value = m.seq)`,
	"a message has no body": `SELECT qid, seq, body FROM messages WHERE body NOT IN (SELECT id FROM bodies)`,
	"a body has no message": `SELECT id, 0, 0 FROM bodies WHERE id NOT IN (SELECT body FROM messages)`,
	"a number was given, not kept": `
SELECT q.name, q.last_seq, max(m.seq) AS found FROM data_queues q JOIN messages m ON m.qid = q.id GROUP BY q.id HAVING found > q.last_seq`,
	"rows of a dropped queue are not left to the collector": `
SELECT qid, 0, 0 FROM (SELECT qid FROM messages UNION SELECT qid FROM holds)
WHERE qid NOT IN (SELECT id FROM data_queues) AND qid NOT IN (SELECT qid FROM garbage)`,
}

// checkCounts compares what is kept to save counting with what is there.
func checkCounts(t testing.TB, s storage.Opened) {
	t.Helper()
	for meaning, query := range invariants {
		rows, err := s.Data.(*dataStore).engine.(*sqliteEngine).file.readers.Query(query)
		if err != nil {
			t.Fatalf("%s: %v", meaning, err)
		}
		for rows.Next() {
			var which any
			var kept, counted int64
			if err := rows.Scan(&which, &kept, &counted); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s: %v: %d, %d", meaning, which, kept, counted)
		}
		rows.Close()
	}
}

// TestCountsAreThoseOfRows lets goroutines do anything they like at once, on a clock that runs ahead, and audits.
func TestCountsAreThoseOfRows(t *testing.T) {
	var clock testClock
	s := mustOpen(t, uriOf(filepath.Join(t.TempDir(), "marconi.db"))+"?synchronous=off", storage.Options{Now: clock.Now})
	defer mustClose(t, s)
	rounds := 10
	if raceEnabled {
		rounds = 2
	}
	for round := range rounds {
		var all sync.WaitGroup
		for g := range 6 {
			all.Go(func() {
				user := &anybody{t: t, s: s.Data.(*dataStore), clock: &clock, r: rand.New(rand.NewPCG(uint64(round), uint64(g)))}
				for range 60 {
					user.doAnything()
				}
			})
		}
		all.Wait()
		checkCounts(t, s)
	}
	if _, err := s.Data.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, s)
}

// A testClock is turned by hand, from many goroutines.
type testClock struct {
	mu    sync.Mutex // guards ahead
	ahead time.Duration
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Date(2031, time.March, 4, 5, 6, 7, 0, time.UTC).Add(c.ahead)
}

func (c *testClock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// anybody calls operations at random with what it has been given before.
type anybody struct {
	t      *testing.T
	s      *dataStore
	clock  *testClock
	r      *rand.Rand
	ids    []marconi.MessageID
	claims []marconi.ClaimID
	spent  marconi.Claimed
}

func (a *anybody) queue() marconi.QueueRef { return ref(fmt.Sprintf("q%d", a.r.IntN(3))) }

func (a *anybody) doAnything() {
	ctx, q := context.Background(), a.queue()
	var err error
	switch n := a.r.IntN(100); {
	case n < 25:
		a.post(ctx, q)
	case n < 50:
		a.claim(ctx, q)
	case n < 60:
		_, err = a.s.Pop(ctx, q, 1+a.r.IntN(5))
	case n < 68:
		err = a.s.Delete(ctx, q, oneOf(a.r, a.ids), oneOf(a.r, append(a.claims, "")))
	case n < 76:
		err = a.s.DeleteMessages(ctx, q, []marconi.MessageID{oneOf(a.r, a.ids), oneOf(a.r, a.ids)}, nil)
	case n < 82:
		err = a.s.Release(ctx, q, oneOf(a.r, a.claims))
	case n < 88:
		err = a.s.UpdateClaim(ctx, q, oneOf(a.r, a.claims), marconi.ClaimUpdate{TTL: 1 + marconi.Seconds(a.r.IntN(5)), Grace: 1})
	case n < 93:
		err = a.move(ctx, q)
	case n < 94:
		err = a.s.Purge(ctx, q)
	case n < 95:
		err = a.s.DeleteQueue(ctx, q)
	case n < 97:
		_, err = a.s.Collect(ctx)
	default:
		a.clock.turn(time.Duration(a.r.IntN(2000)) * time.Millisecond)
	}
	var named *marconi.Error
	if err != nil && !errors.As(err, &named) {
		a.t.Error(err)
	}
}

func (a *anybody) post(ctx context.Context, q marconi.QueueRef) {
	p := marconi.Post{Client: "anybody"}
	for range 1 + a.r.IntN(5) {
		m := marconi.NewMessage{TTL: 1 + marconi.Seconds(a.r.IntN(9)), Body: []byte("x")}
		if a.r.IntN(3) == 0 {
			m.Delay = 1 + marconi.Seconds(a.r.IntN(3))
		}
		p.Messages = append(p.Messages, m)
	}
	ids, err := a.s.Post(ctx, q, p)
	if err != nil {
		a.t.Error(err)
	}
	a.ids = append(a.ids, ids...)
}

func (a *anybody) claim(ctx context.Context, q marconi.QueueRef) {
	r := marconi.ClaimRequest{
		ID: marconi.ClaimID(fmt.Sprint(a.r.Uint64())), TTL: 1 + marconi.Seconds(a.r.IntN(4)), Limit: 1 + a.r.IntN(5), MaxClaims: a.r.IntN(3),
	}
	got, err := a.s.Claim(ctx, q, r)
	if err != nil {
		a.t.Error(err)
	}
	a.claims = append(a.claims, r.ID)
	if got.Lease != "" {
		a.spent = got
	}
}

func (a *anybody) move(ctx context.Context, q marconi.QueueRef) error {
	var ids []marconi.MessageID
	for _, m := range a.spent.Spent {
		ids = append(ids, m.ID)
	}
	return a.s.MoveSpent(ctx, q, a.spent.Lease, ids, marconi.DeadLetter{Queue: a.queue()})
}

func oneOf[T any](r *rand.Rand, all []T) (one T) {
	if len(all) > 0 {
		one = all[r.IntN(len(all))]
	}
	return one
}
