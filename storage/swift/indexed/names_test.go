package indexed

import (
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func refOf(p marconi.Project, n marconi.QueueName, i marconi.Incarnation) marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: p, Name: n}, Incarnation: i}
}

func TestQueuesHaveHomesOfTheirOwn(t *testing.T) {
	l := layout{"marconi", 64}
	seen := map[string]marconi.QueueRef{}
	for _, q := range []marconi.QueueRef{
		refOf("", "q", 1), refOf("", "q", 2), refOf("q", "", 1), refOf("a", "b", 1), refOf("a\x00b", "b", 1), refOf("a", "b.b", 1),
		refOf("a.b", "b", 1), refOf("None", "q", 1), refOf("ä", "b", 1), refOf("a/", "b", 1), refOf("a", "b", 1<<53-1),
	} {
		h := l.home(q)
		if other, taken := seen[h.hash]; taken {
			t.Errorf("%+v and %+v have the same hash", q, other)
		}
		seen[h.hash] = q
		if len(h.hash) != hashLength || strings.Trim(h.hash, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("the hash of %+v is %q", q, h.hash)
		}
	}
}

// What is written today has to be found by what is built tomorrow.
func TestHomeStays(t *testing.T) {
	got := layout{"marconi", 64}.home(refOf("p", "q", 7))
	want := home{"marconi-segments-03", "fcfkmoryydfaggul57rtnabgs7"}
	if got != want {
		t.Errorf("home = %+v, want %+v", got, want)
	}
}

func TestQueuesAreSpreadOverContainers(t *testing.T) {
	used := map[string]int{}
	for i := range marconi.Incarnation(4000) {
		used[layout{"x", 8}.home(refOf("p", "q", i)).container]++
	}
	if len(used) != 8 {
		t.Fatalf("4000 queues are in containers %v, want 8", used)
	}
	for c, n := range used {
		if n < 400 || n > 600 {
			t.Errorf("container %s has %d of 4000 queues", c, n)
		}
	}
}

func TestNamesStandInTheOrderOfTime(t *testing.T) {
	h := layout{"marconi", 64}.home(refOf("p", "q", 1))
	moment := time.Date(2031, 3, 4, 5, 6, 7, 891_000, time.UTC)
	for _, later := range []time.Duration{time.Microsecond, time.Second, 365 * 24 * time.Hour, 80 * 365 * 24 * time.Hour} {
		before, after := h.fresh(moment).Name, h.fresh(moment.Add(later)).Name
		if end := h.before(moment.Add(later)); before >= end || end >= after {
			t.Errorf("%s, %s and, of %v later, %s do not stand in order", before, end, later, after)
		}
	}
	if a, b := h.fresh(moment), h.fresh(moment); a == b {
		t.Error("two names of one moment are the same")
	}
	if hash := hashOf(h.fresh(moment)); hash != h.hash {
		t.Errorf("hashOf a name = %q, want %q", hash, h.hash)
	}
}

func TestLayoutsThatCantBe(t *testing.T) {
	for _, row := range []struct {
		l    layout
		want bool
	}{
		{layout{"marconi", 64}, true},
		{layout{"a-B_1.x", 1}, true},
		{layout{"a", 4096}, true},
		{layout{"a/b", 64}, false},
		{layout{"ä", 64}, false},
		{layout{strings.Repeat("a", 201), 64}, false},
		{layout{"a", 0}, false},
		{layout{"a", 4097}, false},
	} {
		if err := row.l.check(); (err == nil) != row.want {
			t.Errorf("check of %+v: %v, want it to be good: %v", row.l, err, row.want)
		}
	}
}
