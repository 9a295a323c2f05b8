package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// rowsOf counts rows, of which no answer tells.
func rowsOf(t *testing.T, s storage.Opened, table string) (n int) {
	t.Helper()
	readers := s.Data.(*dataStore).engine.(*sqliteEngine).file.readers
	if err := readers.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func wantRows(t *testing.T, s storage.Opened, when string, want map[string]int) {
	t.Helper()
	for table, n := range want {
		if got := rowsOf(t, s, table); got != n {
			t.Errorf("%s there are %d rows in %s, want %d", when, got, table, n)
		}
	}
}

func collect(t *testing.T, s storage.Opened) int {
	t.Helper()
	n, err := s.Data.Collect(t.Context())
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	checkCounts(t, s)
	return n
}

func postTTL(t *testing.T, s storage.Opened, q marconi.QueueRef, ttl marconi.Seconds, n int) {
	t.Helper()
	for n > 0 {
		p := marconi.Post{Client: "producer"}
		for range min(n, 500) {
			p.Messages = append(p.Messages, marconi.NewMessage{TTL: ttl, Body: []byte("x")})
		}
		if _, err := s.Data.Post(t.Context(), q, p); err != nil {
			t.Fatal(err)
		}
		n -= len(p.Messages)
	}
}

func TestExpiredMessagesGoByThemselves(t *testing.T) {
	var clock testClock
	s := mustOpen(t, "sqlite://", storage.Options{Now: clock.Now})
	defer mustClose(t, s)
	postTTL(t, s, ref("q"), 10, 300)
	postTTL(t, s, ref("q"), 100, 1)
	if _, err := s.Data.Claim(t.Context(), ref("q"), marconi.ClaimRequest{ID: "c", TTL: 5, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	clock.turn(10 * time.Second)
	for end := time.Now().Add(10 * time.Second); rowsOf(t, s, "messages") > 1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody collects what has expired")
		}
	}
	wantRows(t, s, "after their end", map[string]int{"messages": 1, "bodies": 1, "holds": 0})
	checkCounts(t, s)
}

func TestDroppedAndPurgedQueuesAreCollected(t *testing.T) {
	s, _, _ := openStill(t)
	for i, name := range []string{"dropped", "purged", "left"} {
		postTTL(t, s, ref(name), 3600, 1500)
		for c := range 20 {
			r := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint(i, c)), TTL: 3600, Limit: 50}
			if _, err := s.Data.Claim(t.Context(), ref(name), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Data.DeleteQueue(t.Context(), ref("dropped")); err != nil {
		t.Fatal(err)
	}
	if err := s.Data.Purge(t.Context(), ref("purged")); err != nil {
		t.Fatal(err)
	}
	postTTL(t, s, ref("purged"), 3600, 7)
	postTTL(t, s, ref("dropped"), 3600, 5)
	wantRows(t, s, "before collecting,", map[string]int{"messages": 4512, "garbage": 2})
	if n := collect(t, s); n != 3000 {
		t.Errorf("%d messages were collected, want 3000", n)
	}
	wantRows(t, s, "afterwards", map[string]int{"messages": 1512, "bodies": 1512, "holds": 20, "garbage": 0, "data_queues": 3})
}

// TestAClaimIDUsedBeforeAPurge repeats a claim whose messages a purge has taken.
func TestAClaimIDUsedBeforeAPurge(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "a")
	for _, want := range []string{"a", "b"} {
		got, err := r.opened.Data.Claim(t.Context(), ref("q"), marconi.ClaimRequest{ID: "same", TTL: 60, Limit: 5})
		if err != nil || len(got.Messages) != 1 || string(got.Messages[0].Body) != want {
			t.Errorf("Claim = %v, %v; want message %s", got.Messages, err, want)
		}
		if err := r.opened.Data.Purge(t.Context(), ref("q")); err != nil {
			t.Fatal(err)
		}
		post(t, r.opened, "b")
	}
	r.wantBodies("b")
}

func TestAFileShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{})
	body := strings.Repeat("x", 1<<18)
	for range 20 {
		post(t, s, body)
	}
	full := usedBytes(t, s)
	if err := s.Data.DeleteQueue(t.Context(), ref("q")); err != nil {
		t.Fatal(err)
	}
	collect(t, s)
	if empty := usedBytes(t, s); full < 20<<18 || empty > full/10 {
		t.Errorf("the database had %d bytes with 5 MiB of messages, and has %d without", full, empty)
	}
	mustClose(t, s)
	if info, err := os.Stat(path); err != nil || info.Size() > full/10 {
		t.Errorf("the file has %d bytes, %v; want less than a tenth of %d", info.Size(), err, full)
	}
}

// TestIdleQueuesLeaveNothing: the header of a queue that nobody posts to goes, and what its numbers were is not given again,
// whatever the clock says.
func TestIdleQueuesLeaveNothing(t *testing.T) {
	var clock testClock
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{Now: clock.Now})
	ids := post(t, s, "a", "b")
	page, err := s.Data.List(t.Context(), ref("q"), marconi.Listing{Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Data.Pop(t.Context(), ref("q"), 5); err != nil {
		t.Fatal(err)
	}
	post(t, s, "last")
	collect(t, s)
	wantRows(t, s, "with a message", map[string]int{"data_queues": 1})
	clock.turn(2 * time.Hour)
	collect(t, s)
	wantRows(t, s, "after two hours", map[string]int{"data_queues": 0, "messages": 0})

	mustClose(t, s)
	clock.turn(-5 * time.Hour)
	s = mustOpen(t, uriOf(path), storage.Options{Now: clock.Now})
	defer mustClose(t, s)
	for _, id := range post(t, s, "c") {
		if id <= ids[1] {
			t.Errorf("a new message has ID %s, an old one had %s", id, ids[1])
		}
	}
	page, err = s.Data.List(t.Context(), ref("q"), marconi.Listing{Limit: 5, Marker: page.Next})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("behind a marker from before: %v, %v; want the new message", page.Items, err)
	}
}

// TestManyDeadLettersInTheWay: a claim does not look through a thousand of messages that it can't hand out, again and
// again, but gets on.
func TestManyDeadLettersInTheWay(t *testing.T) {
	var clock testClock // stands still: no lease ends
	s := mustOpen(t, "sqlite://", storage.Options{Now: clock.Now})
	defer mustClose(t, s)
	const worn = lookedRows + 100
	postTTL(t, s, ref("q"), 3600, worn)
	if _, err := s.Data.Claim(t.Context(), ref("q"), marconi.ClaimRequest{ID: "wear", TTL: 60, Limit: worn}); err != nil {
		t.Fatal(err)
	}
	if err := s.Data.Release(t.Context(), ref("q"), "wear"); err != nil {
		t.Fatal(err)
	}
	post(t, s, "new")
	var dead int
	for n := range worn {
		r := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint("c", n)), TTL: 60, Limit: 5, MaxClaims: 1}
		got, err := s.Data.Claim(t.Context(), ref("q"), r)
		if err != nil {
			t.Fatal(err)
		}
		if dead += len(got.Spent); len(got.Messages) > 0 {
			if string(got.Messages[0].Body) != "new" || dead < worn-lookedRows {
				t.Errorf("after %d dead letters, a claim got %s", dead, got.Messages[0].Body)
			}
			checkCounts(t, s)
			return
		}
		if len(got.Spent) == 0 {
			t.Fatalf("claim %d got nothing, after %d dead letters", n, dead)
		}
	}
	t.Errorf("the new message was not claimed after %d dead letters", dead)
}

// TestMassExpiry claims and pops behind thousands of messages that have expired, and thousands whose claims are over.
func TestMassExpiry(t *testing.T) {
	var clock testClock
	s := mustOpen(t, uriOf(filepath.Join(t.TempDir(), "marconi.db"))+"?synchronous=off", storage.Options{Now: clock.Now})
	defer mustClose(t, s)
	postTTL(t, s, ref("q"), 10, 3*lookedRows)
	postTTL(t, s, ref("q"), 100, 1500)
	want, err := s.Data.Claim(t.Context(), ref("claimed"), marconi.ClaimRequest{ID: "x", TTL: 10, Limit: 1})
	if err != nil || len(want.Messages) > 0 {
		t.Fatalf("Claim in a queue never used = %v, %v", want, err)
	}
	clock.turn(10 * time.Second)
	first, err := s.Data.First(t.Context(), ref("q"), marconi.Oldest)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		r := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprint(n)), TTL: 10, Limit: 150}
		got, err := s.Data.Claim(t.Context(), ref("q"), r)
		if err != nil || len(got.Messages) != 150 {
			t.Fatalf("claim %d got %d messages, %v; want 150", n, len(got.Messages), err)
		}
		if n == 0 && got.Messages[0].ID != first.ID {
			t.Errorf("the first message claimed is %s, the oldest is %s", got.Messages[0].ID, first.ID)
		}
	}
	clock.turn(10 * time.Second)
	popped, err := s.Data.Pop(t.Context(), ref("q"), 1)
	if err != nil || len(popped) != 1 || popped[0].ID != first.ID {
		t.Errorf("when ten claims have ended, Pop gives %v, %v; want the oldest, %s", popped, err, first.ID)
	}
	checkCounts(t, s)
}

// TestOthersGetTheirTurn posts beside a collection of everything, which takes many turns.
func TestOthersGetTheirTurn(t *testing.T) {
	s := mustOpen(t, uriOf(filepath.Join(t.TempDir(), "marconi.db"))+"?synchronous=off", storage.Options{})
	defer mustClose(t, s)
	postTTL(t, s, ref("dropped"), 3600, 10_000)
	if err := s.Data.DeleteQueue(t.Context(), ref("dropped")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Data.Collect(context.Background())
		ended <- err
	}()
	for posts := 0; ; posts++ {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			if posts < 10 {
				t.Errorf("only %d posts got their turn beside the collection of 10 000 messages", posts)
			}
			return
		default:
		}
		post(t, s, "x")
	}
}

// TestOneCollectsAtATime: two collectors would take all of the writer's time.
func TestOneCollectsAtATime(t *testing.T) {
	s := mustOpen(t, "sqlite://", storage.Options{})
	defer mustClose(t, s)
	d := s.Data.(*dataStore)
	d.collecting <- struct{}{}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := d.Collect(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another collects, Collect = %v; want that it waits", err)
	}
	<-d.collecting
	for range 2 {
		if _, err := d.Collect(t.Context()); err != nil {
			t.Errorf("Collect = %v when the other has ended", err)
		}
	}
}

// TestExpiredMessagesDoNotWaitForGarbage: a queue of millions takes minutes to remove, in which other messages expire.
func TestExpiredMessagesDoNotWaitForGarbage(t *testing.T) {
	now := time.Now()
	s := mustOpen(t, "sqlite://", storage.Options{Now: func() time.Time { return now }})
	defer mustClose(t, s)
	post(t, s, "a", "b")
	now = now.Add(365 * 24 * time.Hour)
	c := &collector{dataStore: s.Data.(*dataStore), rows: firstTurn}
	deadline := time.Now().Add(10 * time.Second)
	err := c.alone(t.Context(), func() error {
		return c.turns(t.Context(), 0, c.collectEnded, func(t *tx, _ int) (removed int, more bool, err error) {
			var left int
			if _, err := t.get("SELECT count(*) FROM messages", []any{&left}); err != nil {
				return 0, false, err
			}
			return 0, left > 0 && time.Now().Before(deadline), nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := rowsOf(t, s, "messages"); n != 0 {
		t.Errorf("%d messages that have expired are left while other things take long", n)
	}
}
