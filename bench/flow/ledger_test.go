package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/lying"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// soak asks for what takes minutes.
func soak() bool { return os.Getenv("MARCONI_TEST_SOAK") == "1" }

// cell is the only one of a plan.
func cell(t testing.TB, api, workload, load, times string) plan.Cell {
	t.Helper()
	return only(t, fmt.Appendf(nil, `plan: test
targets: [{name: liar, url: "http://127.0.0.1:1", api: [%s]}]
workloads: [%s]
load: {connections: 64, %s}
time: {warmup: 0s, drain: 65s, repeats: 1, %s}
`, api, workload, load, times))
}

// only is the only cell of a plan.
func only(t testing.TB, text []byte) plan.Cell {
	t.Helper()
	p, err := plan.Parse("test.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return p.Matrix()[0]
}

// Each lie is found, as what it is, as often as it was told, and named.
func TestEachLieIsFound(t *testing.T) {
	for i, d := range lying.Deceits() {
		for v, api := range plan.Versions() {
			if !soak() && i%2 != v {
				continue
			}
			t.Run(string(d.Lie)+"/v"+api, func(t *testing.T) {
				t.Parallel()
				s := lying.Start(t, d.Options())
				run := play(t, s.URL, only(t, d.Plan(s.URL, api)), 1)
				run.wantFound(t, s, d.Class)
				if missed := run.Figures(run.verdict, nil)["missed_by_fault"].Value; d.Lie == lying.SkipClaimed && missed != float64(len(s.Told())) {
					t.Errorf("%v were missed by fault of %d that were skipped", missed, len(s.Told()))
				}
			})
		}
	}
}

// A server that does not lie is not accused.
func TestAnHonestServerIsFoundHonest(t *testing.T) {
	for name, workload := range map[string]string{"work": lying.Work, "events": lying.Events, "watched": lying.Watched} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := lying.Start(t, lying.Options{})
			run := play(t, s.URL, cell(t, "1.1", workload, "rates: [200]", "duration: 1s"), 1)
			run.wantHonest(t, 0)
		})
	}
}

// Nor is one with so many messages that what is rare has its chance; and of these one lost in ten thousand is found.
func TestAMillionMessages(t *testing.T) {
	if !soak() {
		t.Skip("takes minutes: set MARCONI_TEST_SOAK=1")
	}
	const many = "{use: work-queue, messages: {batch: 10, size: 300B}, consuming: {limit: 20, delete: bulk}}"
	million := cell(t, "1.1", many, "rates: [700]", "duration: 150s")
	t.Run("honest", func(t *testing.T) {
		s := lying.Start(t, lying.Options{})
		run := play(t, s.URL, million, 1)
		run.wantHonest(t, 1_000_000)
	})
	t.Run("one in ten thousand", func(t *testing.T) {
		s := lying.Start(t, lying.Options{Lie: lying.Drop, Every: 1000, Most: 100}) // as many as are described
		run := play(t, s.URL, million, 1)
		run.wantFound(t, s, ledger.Lost)
	})
}

func (p played) wantHonest(t *testing.T, posted int64) {
	t.Helper()
	v := p.verdict
	if !v.OK() || !p.drained || len(v.Offenders) > 0 || v.Posted < posted || v.Delivered == 0 {
		t.Errorf("drained %v, want %d messages without a fault\n%s", p.drained, posted, v.Report())
	}
}

// wantFound looks whether the verdict has a fault of that class for each lie, and none of another.
func (p played) wantFound(t *testing.T, s *lying.Server, class ledger.Class) {
	t.Helper()
	told := s.Told()
	if len(told) == 0 {
		t.Fatal("the server had no occasion to lie")
	}
	if n := p.verdict.Faults[class]; n != int64(len(told)) || len(p.verdict.Faults) != 1 {
		t.Errorf("%d lies, want as many %s and nothing else\n%s", len(told), class, p.verdict.Report())
	}
	if p.verdict.OK() || !p.verdict.Balanced() || p.verdict.Undecided > 0 {
		t.Errorf("the verdict is not right in itself\n%s", p.verdict.Report())
	}
	named := violations(t, p.verdict)
	for _, id := range told {
		if !strings.Contains(named[class], `"`+string(id)+`"`) {
			t.Errorf("no violation names %s", id)
		}
	}
}

// violations are the lines of violations.jsonl, by their class.
func violations(t *testing.T, v ledger.Verdict) map[ledger.Class]string {
	t.Helper()
	var text strings.Builder
	if err := v.WriteOffenders(&text); err != nil {
		t.Fatal(err)
	}
	byClass := map[ledger.Class]string{}
	for line := range strings.Lines(text.String()) {
		var o ledger.Offender
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		byClass[o.Class] += line
	}
	return byClass
}

// A leaping clock is one that a test can put forward.
type leaping struct {
	schedule.Clock
	ahead atomic.Int64
}

func (l *leaping) Now() time.Duration { return l.Clock.Now() + time.Duration(l.ahead.Load()) }

func (l *leaping) SleepUntil(ctx context.Context, t time.Duration) {
	l.Clock.SleepUntil(ctx, t-time.Duration(l.ahead.Load()))
}

func (l *leaping) wall() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }

// What is shown after its time is overdue, and what ended in time has expired. The clocks of run and store leap over the
// minute between.
func TestWhatOutlivesItsTimeIsFound(t *testing.T) {
	t.Parallel()
	clock := &leaping{}
	s := lying.Start(t, lying.Options{Lie: lying.Outlive, Every: 20, Now: clock.wall})
	run := prepare(t, s.URL, cell(t, "1.1", lying.Events, "rates: [200]", "duration: 500ms"), 1)
	clock.Clock, run.Clock = run.Clock, clock
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.ahead.Store(int64(65 * time.Second))
	drained, err := run.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	over := played{run, run.Ledger.Verdict(), drained}
	over.wantFound(t, s, ledger.Overdue)
	if !drained {
		t.Error("the observers did not come to an end")
	}
	if v := over.verdict; v.Expired != v.Confirmed-int64(len(s.Told())) {
		t.Errorf("%d expired of %d, but for %d that outlived\n%s", v.Expired, v.Confirmed, len(s.Told()), v.Report())
	}
}

// Posts whose answer comes too late may have been kept or not, and neither is a fault: only two copies are.
func TestPostsWithoutAnAnswerAreUnsure(t *testing.T) {
	for _, test := range []struct {
		lie      lying.Lie
		appeared bool
		phantoms bool
	}{
		{lie: lying.KeepLate, appeared: true},
		{lie: lying.DropLate},
		{lie: lying.KeepTwice, appeared: true, phantoms: true},
	} {
		t.Run(string(test.lie), func(t *testing.T) {
			t.Parallel()
			s := lying.Start(t, lying.Options{Lie: test.lie, Every: 15, Most: 10})
			run := play(t, s.URL, cell(t, "1.1", lying.Singles, "rates: [200], timeout: 4s", "duration: 1s"), 1)
			lies := int64(len(s.Told()))
			if lies == 0 {
				t.Fatal("the server had no occasion to lie")
			}
			v, want := run.verdict, map[ledger.Class]int64{}
			if test.phantoms {
				want[ledger.Phantom] = lies
			}
			appeared := int64(0)
			if test.appeared {
				appeared = lies
			}
			if v.Unsure != lies || v.UnsureAppeared != appeared || v.Lost != 0 || !v.Balanced() || !run.drained {
				t.Errorf("%d unsure, %d of them appeared, want %d and %d\n%s", v.Unsure, v.UnsureAppeared, lies, appeared, v.Report())
			}
			if fmt.Sprint(v.Faults) != fmt.Sprint(want) {
				t.Errorf("faults %v, want %v\n%s", v.Faults, want, v.Report())
			}
			if n := run.errors(measure.Timeout); n != lies {
				t.Errorf("%d posts timed out, want %d", n, lies)
			}
		})
	}
}

// An answer that is no success says that nothing happened, unless it says that the store was not reached in time.
func TestWhatAnAnswerTells(t *testing.T) {
	for status, want := range map[int]ending{
		400: refused, 404: refused, 409: refused, 429: refused, 500: refused, 501: refused, 507: refused, 502: unknown, 503: unknown, 504: unknown,
	} {
		if got, class := (&Traffic{}).ending(t.Context(), &client.Error{Status: status}); got != want || class == measure.OK {
			t.Errorf("after an answer of %d a call ended as %d (%s), want %d", status, got, class, want)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _ := (&Traffic{}).ending(over, &client.Error{Status: 500}); got != refused {
		t.Errorf("what was answered when the run was over ended as %d, want %d", got, refused)
	}
}

// errors counts the requests of all phases that failed in a way.
func (p played) errors(class measure.Class) (n int64) {
	p.Recorder.Harvest()
	for _, s := range p.Recorder.Seconds() {
		for _, c := range s.By {
			n += c.Errors[class]
		}
	}
	return n
}

// failed counts the requests of a flow's operation that failed, by how.
func (p played) failed(flow, operation string) map[measure.Class]int64 {
	p.Recorder.Harvest()
	all := map[measure.Class]int64{}
	for _, s := range p.Recorder.Seconds() {
		for class, n := range s.By[measure.Key{Flow: flow, Operation: operation}].Errors {
			all[class] += n
		}
	}
	return all
}
