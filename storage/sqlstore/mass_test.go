package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// openStill opens a store in memory whose clock stands still and that nothing is collected from but by the test.
func openStill(t *testing.T) (storage.Opened, *dataStore, *testClock) {
	t.Helper()
	var clock testClock
	s := mustOpen(t, "sqlite://", storage.Options{Now: clock.Now})
	t.Cleanup(func() { mustClose(t, s) })
	d := s.Data.(*dataStore)
	d.stop()
	<-d.ended
	return s, d, &clock
}

func mustClaim(t *testing.T, d *dataStore, r marconi.ClaimRequest) []marconi.MessageID {
	t.Helper()
	got, err := d.Claim(t.Context(), ref("q"), r)
	if err != nil {
		t.Fatal(err)
	}
	return idsOf(got.Messages)
}

func idsOf(messages []marconi.Message) []marconi.MessageID {
	ids := make([]marconi.MessageID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}

// listAllPages pages through the free messages of q.
func listAllPages(t *testing.T, d *dataStore) (ids []marconi.MessageID) {
	t.Helper()
	l := marconi.Listing{Limit: 7, Echo: true}
	for {
		page, err := d.List(t.Context(), ref("q"), l)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return ids
		}
		ids = append(ids, idsOf(page.Items)...)
		l.Marker = page.Next
	}
}

// TestManyClaimsEndTogether: their messages are listed and handed out in their places, the oldest first, before anybody
// has come by to free them; and whoever takes ten does not free thousands first.
func TestManyClaimsEndTogether(t *testing.T) {
	s, d, clock := openStill(t)
	post := func(n int, ttl marconi.Seconds) (ids []marconi.MessageID) {
		p := marconi.Post{Client: "producer", Messages: slices.Repeat([]marconi.NewMessage{{TTL: ttl, Body: []byte("1")}}, n)}
		ids, err := d.Post(t.Context(), ref("q"), p)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	want := post(3*manyOver, 3600)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 3 * manyOver {
		// The order in which claims end is not that of their messages.
		r := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint("c", n)), TTL: 10 + marconi.Seconds(random.IntN(10)), Limit: 1}
		mustClaim(t, d, r)
	}
	held := post(50, 3600)
	mustClaim(t, d, marconi.ClaimRequest{ID: "held", TTL: 600, Limit: 50})
	want = append(want, post(5, 3600)...)
	clock.turn(20 * time.Second)

	if got := listAllPages(t, d); !slices.Equal(got, want) {
		t.Errorf("a listing gives %d messages %v, want %d: %v", len(got), got, len(want), want)
	}
	page, err := d.List(t.Context(), ref("q"), marconi.Listing{Limit: 500, Echo: true, IncludeClaimed: true})
	if all := len(want) + len(held); err != nil || len(page.Items) != all {
		t.Errorf("with claimed ones it gives %d, %v; want %d", len(page.Items), err, all)
	}
	if got := mustClaim(t, d, marconi.ClaimRequest{ID: "first", TTL: 600, Limit: 10}); !slices.Equal(got, want[:10]) {
		t.Errorf("a claim gets %v, want the oldest, %v", got, want[:10])
	}
	if left := rowsOf(t, s, "holds"); left < 2*manyOver {
		t.Errorf("after a claim of ten messages %d of %d claims are left: it has freed more than it needed", left, 3*manyOver)
	}
	checkCounts(t, s)
	popped, err := d.Pop(t.Context(), ref("q"), 500)
	if got := idsOf(popped); err != nil || !slices.Equal(got, want[10:]) {
		t.Errorf("Pop gives %d messages, %v; want all others, %d, in order", len(got), err, len(want)-10)
	}
	checkCounts(t, s)
}

// TestLargeClaimsEndTogether: where a few claims hold all that is wanted, a claim frees the oldest of it, and no more than it needs.
func TestLargeClaimsEndTogether(t *testing.T) {
	s, d, clock := openStill(t)
	const claims, each = 8, 50 // fewer claims than a claim may end, and more messages than it may free
	postTTL(t, s, ref("q"), 3600, claims*each)
	for n := range claims { // those end last that hold the oldest
		mustClaim(t, d, marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint("c", n)), TTL: marconi.Seconds(100 - n), Limit: each})
	}
	clock.turn(100 * time.Second)
	want := listAllPages(t, d)
	if got := mustClaim(t, d, marconi.ClaimRequest{ID: "first", TTL: 600, Limit: 5}); !slices.Equal(got, want[:5]) {
		t.Errorf("a claim gets %v, want the oldest, %v", got, want[:5])
	}
	if left := rowsOf(t, s, "holds"); left != claims { // one was ended, and one is new
		t.Errorf("after a claim of five messages there are %d claims, want %d: it has freed more than it needed", left, claims)
	}
	if got := mustClaim(t, d, marconi.ClaimRequest{ID: "rest", TTL: 600, Limit: 2 * each}); !slices.Equal(got, want[5:5+2*each]) {
		t.Errorf("a claim of more than it may free at once gets %d messages, want %d, the oldest", len(got), 2*each)
	}
	checkCounts(t, s)
}

// TestManyDeadLettersEndTogether: who claims them gets dead letters to move, the oldest first, and need not wait until thousands
// are free.
func TestManyDeadLettersEndTogether(t *testing.T) {
	s, d, clock := openStill(t)
	postTTL(t, s, ref("q"), 3600, 3*manyOver)
	for n := range 3 * manyOver {
		mustClaim(t, d, marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint("c", n)), TTL: 10, Limit: 1})
	}
	clock.turn(10 * time.Second)
	want := listAllPages(t, d)
	got, err := d.Claim(t.Context(), ref("q"), marconi.ClaimRequest{ID: "dead", TTL: 60, Limit: 10, MaxClaims: 1})
	if err != nil || len(got.Messages) != 0 || len(got.Spent) == 0 || !slices.Equal(idsOf(got.Spent), want[:len(got.Spent)]) {
		t.Errorf("Claim = %d messages, dead letters %v, %v; want only dead letters, the oldest: %v", len(got.Messages), idsOf(got.Spent), err, want[:10])
	}
	if left := rowsOf(t, s, "holds"); left < 2*manyOver {
		t.Errorf("%d of %d claims are left: it has freed more than it needed", left, 3*manyOver)
	}
	checkCounts(t, s)
}

// TestPassing: many expired messages at the beginning of a queue leave the counts at once, and are removed later. What is held is
// not passed over, nor what lives.
func TestPassing(t *testing.T) {
	s, d, clock := openStill(t)
	postTTL(t, s, ref("q"), 10, 2*passRows)
	postTTL(t, s, ref("other"), 10, 5)
	mustClaim(t, d, marconi.ClaimRequest{ID: "a", TTL: 5, Limit: 3}) // 0 to 2: they will be free again
	clock.turn(6 * time.Second)
	postTTL(t, s, ref("q"), 100, 4)
	clock.turn(4 * time.Second)
	c := &collector{dataStore: d, rows: firstTurn}

	pass := func(when string, total int64, rows int) {
		t.Helper()
		if err := c.passExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		var counted int64
		const count = "SELECT n_total FROM data_queues WHERE name = 'q'"
		if err := writerOf(s).conn.QueryRowContext(t.Context(), count).Scan(&counted); err != nil {
			t.Fatal(err)
		}
		if counted != total || rowsOf(t, s, "messages") != rows {
			t.Errorf("%s, %d messages are counted and %d kept; want %d and %d", when, counted, rowsOf(t, s, "messages"), total, rows)
		}
		checkCounts(t, s)
	}
	pass("with a claim that is over, and that nobody has ended, at the beginning", 2*passRows+4, 2*passRows+9)
	if err := c.turns(t.Context(), 0, c.passExpired, c.ripenSome); err != nil {
		t.Fatal(err)
	}
	c.pass = passing{}
	pass("without", 4, 2*passRows+9)
	if stats, err := d.Stats(t.Context(), ref("q")); err != nil || stats.Total != 4 || stats.Free != 4 {
		t.Errorf("Stats = %+v, %v; want 4 free ones", stats, err)
	}
	if n := collect(t, s); n != 2*passRows+5 {
		t.Errorf("%d messages were collected, want %d", n, 2*passRows+5)
	}
	wantRows(t, s, "when all is collected", map[string]int{"messages": 4, "holds": 0})
}

// TestGap claims around thousands of messages that have expired between others, forth and back in time.
func TestGap(t *testing.T) {
	s, d, clock := openStill(t)
	ids := func() []marconi.MessageID { return listAllPages(t, d) }
	claimAll := func(when string, want int) {
		t.Helper()
		for i := range 3 {
			free := ids()
			id := marconi.ClaimID(fmt.Sprint(when, i))
			if got := mustClaim(t, d, marconi.ClaimRequest{ID: id, TTL: 600, Limit: want + 5}); len(got) != want || !slices.Equal(got, free) {
				t.Errorf("%s: claim %d gets %d messages, want %d, all that are listed", when, i, len(got), want)
			}
			if err := d.Release(t.Context(), ref("q"), id); err != nil {
				t.Fatal(err)
			}
			checkCounts(t, s)
		}
	}
	postTTL(t, s, ref("q"), 3600, 3)
	postTTL(t, s, ref("q"), 10, 3*lookedKeys)
	postTTL(t, s, ref("q"), 3600, 3)
	postTTL(t, s, ref("q"), 10, 2*lookedKeys)
	postTTL(t, s, ref("q"), 3600, 3)
	inside := mustClaim(t, d, marconi.ClaimRequest{ID: "inside", TTL: 60, Grace: 60, Limit: 10}) // 3 before, 7 in the first stretch
	clock.turn(10 * time.Second)
	claimAll("while some are claimed", 6)
	if h, err := headerOf(t, d); err != nil || h.empty.looks < 2 || h.empty.high == 0 {
		t.Errorf("the gap is %+v, %v; want it to be known", h.empty, err)
	}
	if err := d.Release(t.Context(), ref("q"), "inside"); err != nil {
		t.Fatal(err)
	}
	claimAll("when these are free again", 6+len(inside))
	clock.turn(-5 * time.Second)
	if got, err := d.Pop(t.Context(), ref("q"), lookedKeys); err != nil || len(got) != lookedKeys {
		t.Errorf("when the clock was set back, Pop gives %d, %v; want %d", len(got), err, lookedKeys)
	}
}

// headerOf is what the writer knows of q.
func headerOf(t *testing.T, d *dataStore) (h header, err error) {
	err = d.write(t.Context(), "look at the header", func(t *tx) error {
		q, err := t.header(ref("q"))
		if err == nil && q == nil {
			err = errors.New("there is none")
		}
		if err == nil {
			h = *q
		}
		return err
	})
	return h, err
}

// BenchmarkMass is what calls cost when 100 000 messages have expired, or are in claims that are over, and nobody has come by yet.
func BenchmarkMass(b *testing.B) {
	ctx := context.Background()
	for _, kind := range []string{"expired", "released"} {
		var clock testClock
		s := mustOpen(b, "sqlite://", storage.Options{Now: clock.Now})
		d := s.Data.(*dataStore)
		d.stop()
		<-d.ended
		fillMass(b, d, kind)
		clock.turn(60 * time.Second)
		for name, f := range map[string]func(i int) error{
			"list":  func(int) error { _, err := d.List(ctx, ref("q"), marconi.Listing{Limit: 10, Echo: true}); return err },
			"stats": func(int) error { _, err := d.Stats(ctx, ref("q")); return err },
			"claim and release": func(i int) error {
				id := marconi.ClaimID(fmt.Sprint("x", i))
				if _, err := d.Claim(ctx, ref("q"), marconi.ClaimRequest{ID: id, TTL: 60, Limit: 10}); err != nil {
					return err
				}
				return d.Release(ctx, ref("q"), id)
			},
		} {
			b.Run(kind+"/"+name, func(b *testing.B) { together(b, 1, f) })
		}
		mustClose(b, s)
	}
}

// fillMass posts 100 000 messages between a few that last longer, and claims them in tens if they are to be released.
func fillMass(b *testing.B, d *dataStore, kind string) {
	b.Helper()
	post := func(n int, ttl marconi.Seconds) {
		p := marconi.Post{Client: benchClient, Messages: slices.Repeat([]marconi.NewMessage{{TTL: ttl, Body: []byte("1")}}, n)}
		if _, err := d.Post(context.Background(), ref("q"), p); err != nil {
			b.Fatal(err)
		}
	}
	ttl := marconi.Seconds(60)
	if kind == "released" {
		ttl = 3600
	}
	post(5, 3600)
	for range 100 {
		post(1000, ttl)
	}
	if kind == "released" {
		for i := range 10_000 {
			r := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint(i)), TTL: 60, Limit: 10}
			if _, err := d.Claim(context.Background(), ref("q"), r); err != nil {
				b.Fatal(err)
			}
		}
	}
	post(20, 3600)
}
