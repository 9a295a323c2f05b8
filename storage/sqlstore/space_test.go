package sqlstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// diskBytes is what a store takes of the disk: the file and the log beside it.
func diskBytes(path string) int64 { return size(path) + size(path+"-wal") }

// drains are ways in which a queue of so many messages becomes empty.
var drains = map[string]func(t *testing.T, s storage.Opened, q marconi.QueueRef){
	"pop": func(t *testing.T, s storage.Opened, q marconi.QueueRef) {
		for {
			popped, err := s.Data.Pop(t.Context(), q, 200)
			if err != nil {
				t.Fatal(err)
			}
			if len(popped) == 0 {
				return
			}
		}
	},
	"claim and delete, any order": func(t *testing.T, s storage.Opened, q marconi.QueueRef) {
		page, err := s.Data.List(t.Context(), q, marconi.Listing{Limit: 1_000_000, Echo: true})
		if err != nil {
			t.Fatal(err)
		}
		rand.Shuffle(len(page.Items), func(i, j int) { page.Items[i], page.Items[j] = page.Items[j], page.Items[i] })
		for some := range slices.Chunk(page.Items, 100) {
			var ids []marconi.MessageID
			for _, m := range some {
				ids = append(ids, m.ID)
			}
			if err := s.Data.DeleteMessages(t.Context(), q, ids, nil); err != nil {
				t.Fatal(err)
			}
		}
	},
	"delete the queue": func(t *testing.T, s storage.Opened, q marconi.QueueRef) {
		if err := s.Data.DeleteQueue(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	},
}

// TestTheFileShrinksByItself fills 50 MB and drains them beside a queue that stays in use: within seconds the disk has four
// fifths of it back, and whoever uses the store meanwhile doesn't wait for that.
func TestTheFileShrinksByItself(t *testing.T) {
	for name, drain := range drains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "marconi.db")
			s := mustOpen(t, uriOf(path)+"?synchronous=normal", storage.Options{})
			defer func() { mustClose(t, s) }()
			const filled = 50_000_000 // not less: a fifth of it has to hold the log, which on a busy machine has twice its usual length
			fillBytes(t, s, filled)
			full := diskBytes(path)
			if full < filled {
				t.Fatalf("%d bytes of messages take %d of the disk", filled, full)
			}
			control := waits(t, s, time.Second, func() bool { return false })
			drain(t, s, ref("q"))
			drained := time.Now()
			within, grace := 30*time.Second, 50*time.Millisecond
			if raceEnabled { // with which SQLite, which is Go here, takes ten times as long, and three of these run at once
				within, grace = 6*within, 6*grace
			}
			during := waits(t, s, within, func() bool { return diskBytes(path) <= full/5 })
			took := time.Since(drained)
			if left := diskBytes(path); left > full/5 {
				t.Errorf("after %v, %d bytes of %d are still taken", took, left, full)
			}
			t.Logf("%d bytes became %d within %v; the longest of %d posts meanwhile took %v, of %d before %v",
				full, diskBytes(path), took, len(during), slices.Max(during), len(control), slices.Max(control))
			if usual, slow := most(control), most(during); slow > 5*usual+grace {
				t.Errorf("of 100 posts while the file shrank, 98 took up to %v; before, up to %v", slow, usual)
			}
			checkCounts(t, s)
		})
	}
}

// most is how long all but two of a hundred took: on a machine with more to do, anything may be slow once.
func most(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)*98/100]
}

// fillBytes posts messages of several sizes that have so many bytes in all, to two queues in turn, so that what stays lies
// between what goes.
func fillBytes(t *testing.T, s storage.Opened, bytes int) {
	t.Helper()
	for n := 0; bytes > 0; n++ {
		size := []int{1000, 5000, 50_000}[n%3]
		p := bodies(100_000/size, size)
		bytes -= len(p.Messages) * size
		if _, err := s.Data.Post(t.Context(), ref("q"), p); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			if _, err := s.Data.Post(t.Context(), ref("stays"), bodies(1, 10_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// waits posts and pops one message again and again until the end, and gives how long each post took.
func waits(t *testing.T, s storage.Opened, within time.Duration, end func() bool) (all []time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	for first := true; first || ctx.Err() == nil && !end(); first = false {
		start := time.Now()
		post(t, s, "x")
		all = append(all, time.Since(start))
		if _, err := s.Data.Pop(t.Context(), ref("q"), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	return all
}

// TestSpaceInUseIsKept fills and drains in turn, faster than the collector looks: the pages are used again, and
// not moved about.
func TestSpaceInUseIsKept(t *testing.T) {
	s := mustOpen(t, "sqlite://", storage.Options{})
	defer mustClose(t, s)
	c := &collector{dataStore: s.Data.(*dataStore), rows: firstTurn}
	full := int64(0)
	for range 5 {
		fillBytes(t, s, 1_000_000)
		full = max(full, usedBytes(t, s))
		if err := c.giveBack(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		drains["pop"](t, s, ref("q"))
		c.free = 0 // as a look would have found it while the queue was full
		if err := c.giveBack(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if kept := usedBytes(t, s); kept < full*9/10 {
			t.Errorf("of %d bytes, %d are left right after a drain", full, kept)
		}
	}
	if err := c.giveBack(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if left := usedBytes(t, s); left > full/3 {
		t.Errorf("of %d bytes that nobody needed from one look to the next, %d are left", full, left)
	}
}

// TestALongLogIsEmptied reads for long, so that the log grows, and ends the reading.
func TestALongLogIsEmptied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path)+"?synchronous=off", storage.Options{})
	defer func() { mustClose(t, s) }()
	post(t, s, "a")
	reader, err := s.Data.(*dataStore).engine.(*sqliteEngine).file.readers.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM messages").Scan(&n); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		post(t, s, strings.Repeat("x", 1<<18))
	}
	if long := size(path + "-wal"); long < walKept {
		t.Fatalf("beside a long read, the log has %d bytes; want more than %d", long, walKept)
	}
	trim := func() int64 {
		if err := s.Data.(*dataStore).engine.trim(t.Context()); err != nil {
			t.Errorf("trim: %v", err)
		}
		return size(path + "-wal")
	}
	start := time.Now()
	if left := trim(); left < walKept {
		t.Errorf("while somebody reads, the log has %d bytes: what was not brought home is lost", left)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("trim waited %v for a reader", took)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if left := trim(); left != 0 {
		t.Errorf("when the reading is over, the log has %d bytes", left)
	}
	if got := fmt.Sprint(rowsOf(t, s, "messages")); got != "101" {
		t.Errorf("there are %s messages, want 101", got)
	}
}
