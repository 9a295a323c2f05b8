package server

import (
	"net/http"
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	var d dates
	start := time.Date(2026, 2, 28, 23, 59, 59, 900e6, time.FixedZone("", 3600))
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{
		{0, "Sat, 28 Feb 2026 22:59:59 GMT"},
		{99 * time.Millisecond, "Sat, 28 Feb 2026 22:59:59 GMT"},
		{100 * time.Millisecond, "Sat, 28 Feb 2026 23:00:00 GMT"},
		{-time.Hour, "Sat, 28 Feb 2026 21:59:59 GMT"}, // a clock that is set back
	} {
		if got := d.at(start.Add(tt.after)); len(got) != 1 || got[0] != tt.want {
			t.Errorf("after %v: %q, want %q", tt.after, got, tt.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { d.at(start) }); n != 0 {
		t.Errorf("a second that is known takes %v allocations", n)
	}
}

// Each answer carries the time at which it is given, one that was waited for too, and one alone.
func TestAnswersAreDated(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.dial()
	for _, target := range []string{"/v1/health", "/v1.1/queues", "/v1.1/queues/q/messages?wait=2", "/nowhere", "/v1.1/queues"} {
		a := c.do("GET", target, "")
		dates := a.header.Values("Date")
		if len(dates) != 1 {
			t.Fatalf("GET %s: %d answers %q", target, a.status, dates)
		}
		if at, err := http.ParseTime(dates[0]); err != nil || time.Since(at) < 0 || time.Since(at) > 1500*time.Millisecond {
			t.Errorf("GET %s: %d is dated %q (%v) at %v", target, a.status, dates[0], err, time.Now().UTC())
		}
	}
}
