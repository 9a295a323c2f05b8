package schedule

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/plan"
)

// A turned clock stands still but for those who sleep by it: they turn it on.
type turned struct {
	now atomic.Int64
}

func (c *turned) Now() time.Duration { return time.Duration(c.now.Load()) }

func (c *turned) SleepUntil(_ context.Context, t time.Duration) { c.turn(t - c.Now()) }

func (c *turned) turn(by time.Duration) { c.now.Add(int64(max(by, 0))) }

func evenly(t testing.TB, rate float64, length time.Duration) Sequence {
	t.Helper()
	s, err := New(Pacing{Arrivals: plan.Arrivals{Kind: "even"}, Rate: rate, Length: length})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsDueIsHandedOnAtItsTime(t *testing.T) {
	clock, out := &turned{}, make(chan Due, 2000)
	var offered int
	Pacer{Clock: clock, Sequence: evenly(t, 1000, time.Second), Rate: 1000, Out: out, Offered: func(time.Duration) { offered++ }}.Run(t.Context())
	next := 0
	for due := range out {
		if due.Number != next || due.Woke < due.Intended || due.Woke > due.Intended+quantum {
			t.Fatalf("operation %d was handed on as %+v", next, due)
		}
		next++
	}
	if next != 1000 || offered != 1000 {
		t.Errorf("%d operations handed on and %d offered, not 1000", next, offered)
	}
}

// A server that stalls keeps everybody from taking what is due. All of it stays due, and the wait is not the pacer's.
func TestWhatNobodyTakesStaysDue(t *testing.T) {
	clock, out := &turned{}, make(chan Due, 1)
	go Pacer{Clock: clock, Sequence: evenly(t, 1000, time.Second), Rate: 1000, Out: out, Offered: func(time.Duration) {}}.Run(t.Context())
	next := 0
	for due := range out {
		if next == 100 {
			clock.turn(500 * time.Millisecond)
		}
		if due.Number != next {
			t.Fatalf("operation %d came as the %dth", due.Number, next)
		}
		if lag := due.Woke - due.Intended; lag > 510*time.Millisecond || next > 610 && lag > time.Millisecond {
			t.Fatalf("operation %d: the pacer lagged by %v", next, lag)
		}
		next++
	}
	if next != 1000 {
		t.Errorf("%d operations handed on, not 1000", next)
	}
}

func TestAPacerThatIsLateSaysSo(t *testing.T) {
	clock, out := &turned{}, make(chan Due, 100)
	late := func(Due) { clock.turn(30 * time.Millisecond) }
	Pacer{Clock: clock, Sequence: evenly(t, 100, 100*time.Millisecond), Rate: 100, Out: out, Offered: func(time.Duration) {}, Late: late}.Run(t.Context())
	var worst time.Duration
	for due := range out {
		worst = max(worst, due.Woke-due.Intended)
	}
	if worst < 30*time.Millisecond {
		t.Errorf("the pacer slept 30 ms too long each time and says that it lagged by %v", worst)
	}
}

func TestAPacerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan Due), make(chan struct{})
	go func() {
		defer close(done)
		Pacer{Clock: NewReal(), Sequence: evenly(t, 10, time.Hour), Rate: 10, Out: out, Offered: func(time.Duration) {}}.Run(ctx)
	}()
	<-out
	cancel()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the pacer goes on")
	}
}

// At 5000/s operations are handed on within a millisecond of their time, but for one in a hundred. Plain timers would be later than that by
// themselves; so would a machine be that others use, and which of the two it is can't be told.
func TestThePacerIsOnTime(t *testing.T) {
	const most = time.Millisecond
	benchtest.Attempts(t, func() (string, bool) {
		lags, _ := paced(t, 5000)
		if p99 := lags[len(lags)*99/100]; p99 > most {
			return fmt.Sprintf("one operation in a hundred was handed on %v late or later", p99), true
		}
		return "", false
	})
}

// BenchmarkPace shows how late operations are handed on, and how evenly: cv is the spread of the gaps, of which even
// operations on a perfect clock have none.
func BenchmarkPace(b *testing.B) {
	for _, rate := range []float64{1000, 5000, 20_000} {
		b.Run("rate="+time.Duration(float64(time.Second)/rate).String(), func(b *testing.B) {
			for b.Loop() {
				lags, cv := paced(b, rate)
				b.ReportMetric(float64(lags[len(lags)/2].Microseconds()), "p50-lag-µs")
				b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds()), "p99-lag-µs")
				b.ReportMetric(cv, "cv")
				b.ReportMetric(float64(len(lags)), "sent/s")
			}
		})
	}
}

func paced(b testing.TB, rate float64) (lags []time.Duration, cv float64) {
	clock, out := NewReal(), make(chan Due, 1024)
	go Pacer{Clock: clock, Sequence: evenly(b, rate, time.Second), Rate: rate, Out: out, Offered: func(time.Duration) {}}.Run(b.Context())
	var last time.Duration
	var sum, squares float64
	for due := range out {
		lags = append(lags, due.Woke-due.Intended)
		gap := (due.Woke - last).Seconds() * rate
		last, sum, squares = due.Woke, sum+gap, squares+gap*gap
	}
	n := float64(len(lags))
	slices.Sort(lags)
	return lags, math.Sqrt(max(squares/n-sum*sum/n/n, 0)) / (sum / n)
}
