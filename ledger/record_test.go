package ledger

import (
	"fmt"
	"math"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(record{}); n > 60 {
		t.Errorf("a record has %d bytes, want 60", n)
	}
	if n := unsafe.Sizeof(records{}); n > 4096 || n < 4096-unsafe.Sizeof(record{}) {
		t.Errorf("a chunk has %d bytes, want as many messages as fit into 4096", n)
	}
}

func TestMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, lastMoment-2).Draw(t, "d"))
		if m := momentOf(d); m.time() != d || !m.set() {
			t.Fatalf("momentOf(%d) is %d, set: %v", d, m.time(), m.set())
		}
	})
	var none moment
	if none.set() || none.time() >= 0 {
		t.Errorf("no moment is %d, set: %v; want it unset and before all", none.time(), none.set())
	}
	if a, b := momentOf(80*time.Hour), momentOf(never); a != b || a.time() <= momentOf(78*time.Hour).time() {
		t.Errorf("moments beyond the last are %v and %v, want both the last", a.time(), b.time())
	}
	if a, b := momentOf(-1), momentOf(0); a != b {
		t.Errorf("momentOf(-1) is %v, want that of 0", a.time())
	}
}

func TestSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, 1<<57).Draw(t, "d"))
		s := spanOf(d)
		if got := s.duration(); !s.set() || got < d || got-d > d>>25 || d < 134*time.Millisecond && got != d {
			t.Fatalf("spanOf(%d) is %d, set: %v", d, got, s.set())
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a := time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "a"))
		b := a + time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "b-a"))
		if spanOf(a) > spanOf(b) {
			t.Fatalf("spanOf(%d) > spanOf(%d)", a, b)
		}
	})
	if spanOf(never) != spanOf(lastSpan) || spanOf(-1) != spanOf(0) {
		t.Errorf("the longest and shortest spans are %v and %v", spanOf(never).duration(), spanOf(-1).duration())
	}
	if span(0).set() {
		t.Error("no span is set")
	}
}

func TestNever(t *testing.T) {
	var r record
	for name, got := range map[string]time.Duration{
		"goneBy": r.goneBy(), "goingFrom": r.goingFrom(), "confirmedBy": r.confirmedBy(), "firstShown": r.firstShown(), "endsBy": r.endsBy(),
	} {
		if got != math.MaxInt64 {
			t.Errorf("%s of what never happened is %v", name, got)
		}
	}
}

func TestChunkKeepsIDsUntilAllIsGone(t *testing.T) {
	c := &chunk{records: new(records)}
	for slot := range chunkSize {
		c.keepID(slot, fmt.Sprintf("id of %d", slot))
	}
	if got := c.keptID(66); got != "id of 66" {
		t.Errorf("keptID(66) = %q", got)
	}
	for slot := range chunkSize {
		if c.ids == nil {
			t.Fatalf("the IDs are forgotten when %d messages are gone", slot)
		}
		c.leave(slot, Call{1, 2})
		c.leave(slot, Call{1, 3})
	}
	if c.ids != nil || c.keptID(66) != "" {
		t.Error("the IDs are kept when all messages are gone")
	}
}

func TestClockNeverGivesATimeTwice(t *testing.T) {
	stopped := time.Now()
	c := NewClock(func() time.Time { return stopped })
	seen := make(chan time.Duration, 4000)
	done := make(chan bool)
	for range 4 {
		go func() {
			last := time.Duration(-1)
			rising := true
			for range 1000 {
				now := c.Now()
				rising = rising && now > last
				last = now
				seen <- now
			}
			done <- rising
		}()
	}
	for range 4 {
		if !<-done {
			t.Error("the clock did not rise")
		}
	}
	close(seen)
	once := map[time.Duration]bool{}
	for now := range seen {
		if once[now] {
			t.Fatalf("the clock gave %v twice", now)
		}
		once[now] = true
	}
	stopped = stopped.Add(time.Hour)
	if now := c.Now(); now < time.Hour {
		t.Errorf("an hour later the clock gives %v", now)
	}
}
