package experiment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi/bench/flow"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/ledger"
)

// worked is a run of a work queue of ten seconds at 100/s, in which everything went well.
func worked(t testing.TB) (*result.Run, *result.Details) {
	t.Helper()
	p, err := plan.Sample("work-queue")
	if err != nil {
		t.Fatal(err)
	}
	c := p.Matrix()[0]
	c.Load.SLO.P99 = plan.Duration(250 * time.Millisecond)
	p99 := int64(10 * time.Millisecond)
	r := &result.Run{
		Cell: c.Path(), Config: c, Status: result.Valid, MeasuredNS: int64(10 * time.Second), Seed: 1, Messages: result.Messages{Posted: 1000},
		Operations: map[string]result.Operation{"producer/post": {Offered: 1000, Sent: 1000, Achieved: 1000, Response: result.Latency{P99NS: &p99}}},
	}
	d := &result.Details{}
	for i := range 10 {
		at := time.Duration(i) * time.Second
		d.Seconds = append(d.Seconds, measure.Second{From: at, To: at + time.Second, Phase: "measure", By: map[measure.Key]measure.Counts{post: {Achieved: 100}}})
		for j := range 4 {
			d.Backlog = append(d.Backlog, result.Point{At: at + time.Duration(j)*tickEvery, Value: float64(5 + (i+j)%3)})
		}
	}
	return r, d
}

var post = measure.Key{Flow: "producer", Operation: "post"}

func TestWhatIsCarried(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*result.Run, *result.Details)
		want  string // in the reason; "": it is carried
	}{
		"all well":  {func(*result.Run, *result.Details) {}, ""},
		"99 % done": {func(r *result.Run, _ *result.Details) { achieved(r, 990, nil) }, ""},
		"few, of which two are under way": {func(r *result.Run, _ *result.Details) {
			o := r.Operations["producer/post"]
			o.Offered, o.Achieved = 66, 64
			r.Operations["producer/post"] = o
		}, ""},
		"few, of which three are not done": {func(r *result.Run, _ *result.Details) {
			o := r.Operations["producer/post"]
			o.Offered, o.Achieved = 66, 63
			r.Operations["producer/post"] = o
		}, "Only 63 of 66"},
		"98.9 % done": {func(r *result.Run, _ *result.Details) { achieved(r, 989, nil) }, "Only 989 of 1000"},
		"one error":   {func(r *result.Run, _ *result.Details) { achieved(r, 999, map[string]int64{"503": 1}) }, ""},
		"two errors":  {func(r *result.Run, _ *result.Details) { achieved(r, 998, map[string]int64{"503": 1, "timeout": 1}) }, "0.2 % of all requests failed"},
		"slow": {func(r *result.Run, _ *result.Details) {
			slow := int64(251 * time.Millisecond)
			o := r.Operations["producer/post"]
			o.Response.P99NS = &slow
			r.Operations["producer/post"] = o
		}, "251ms, more than 250ms"},
		"too few to tell": {func(r *result.Run, _ *result.Details) {
			o := r.Operations["producer/post"]
			o.Response.P99NS = nil
			r.Operations["producer/post"] = o
		}, ""},
		"a growing backlog": {func(_ *result.Run, d *result.Details) {
			for i := range d.Backlog {
				d.Backlog[i].Value += 5 * d.Backlog[i].At.Seconds()
			}
		}, "backlog grows"},
		"a backlog that hardly grows": {func(_ *result.Run, d *result.Details) {
			for i := range d.Backlog {
				d.Backlog[i].Value += 0.2 * d.Backlog[i].At.Seconds()
			}
		}, ""},
		"a backlog that falls": {func(_ *result.Run, d *result.Details) {
			for i := range d.Backlog {
				d.Backlog[i].Value += 1000 - 50*d.Backlog[i].At.Seconds()
			}
		}, ""},
		"events, which nobody deletes": {func(r *result.Run, d *result.Details) {
			r.Config.Workload.Workers = 0
			for i := range d.Backlog {
				d.Backlog[i].Value += 100 * d.Backlog[i].At.Seconds()
			}
		}, ""},
	} {
		r, d := worked(t)
		c.spoil(r, d)
		why := strings.Join(carried(r, d), " ")
		if (why == "") != (c.want == "") || !strings.Contains(why, c.want) {
			t.Errorf("%s: %q, want %q", name, why, c.want)
		}
	}
}

func achieved(r *result.Run, n int64, errors map[string]int64) {
	o := r.Operations["producer/post"]
	o.Achieved, o.Errors = n, errors
	r.Operations["producer/post"] = o
}

func TestARunThatDriftsIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		rate  func(second int) int
		drift bool
	}{
		"steady":                {func(int) int { return 1000 }, false},
		"noisy":                 {func(s int) int { return 1000 + 200*(s%2) }, false},
		"by 4 %":                {func(s int) int { return 1000 + 40*s/30 }, false},
		"falls by a third":      {func(s int) int { return 1000 - 10*s }, true},
		"rises by a third":      {func(s int) int { return 1000 + 10*s }, true},
		"one bad second at end": {func(s int) int { return 1000 - 900*(s/29) }, false},
	} {
		done, n := []result.Point{{At: 0}, {At: 500 * time.Millisecond, Value: 1}}, 1.0 // the warm-up does not count
		for i := range 4 * 30 {
			done = append(done, result.Point{At: time.Second + time.Duration(i)*tickEvery, Value: n})
			n += float64(c.rate(i/4)) / 4
		}
		done = append(done, result.Point{At: 31 * time.Second, Value: n}, result.Point{At: 31*time.Second + time.Millisecond, Value: n}, result.Point{At: 40 * time.Second, Value: 2 * n})
		if got := drifting(done, time.Second, 31*time.Second+time.Millisecond); (got != "") != c.drift {
			t.Errorf("%s: drifting is %q, want %v", name, got, c.drift)
		}
	}
	if got := drifting(nil, 0, 0); got != "" {
		t.Errorf("nothing drifts: %q", got)
	}
}

// Eight seconds are enough to see that a rate falls: thirds have no five whole seconds, but ten quarters of one.
func TestAShortRunThatDriftsIsSeen(t *testing.T) {
	var done []result.Point
	n := 0.0
	for i := range 33 {
		done = append(done, result.Point{At: time.Duration(i) * tickEvery, Value: n})
		n += 250 - 2*float64(i)
	}
	if got := drifting(done, 0, 8*time.Second); got == "" {
		t.Error("a rate that falls by a quarter in eight seconds does not drift")
	}
}

// What is worst about a run is its state, and each says why.
func TestTheStatusOfARun(t *testing.T) {
	short := measure.NewHistogram()
	for range 1000 {
		short.Record(time.Millisecond)
	}
	even := measure.Little{Occupancy: measure.Occupancy{Mean: 0.1}, Rate: 100, Response: short, To: 10 * time.Second}
	uneven := even
	uneven.Mean = 0.5
	lost := ledger.Verdict{Faults: map[ledger.Class]int64{ledger.Lost: 1}}
	falling := func() (done []result.Point) {
		n := 0.0
		for i := range 41 {
			done = append(done, result.Point{Value: n, At: time.Duration(i) * tickEvery})
			n += float64(50 - i)
		}
		return done
	}()
	for _, c := range []struct {
		name    string
		verdict ledger.Verdict
		healthy bool
		done    int64
		little  measure.Little
		drift   []result.Point
		faults  []plan.Fault
		want    result.Status
		because string
	}{
		{"sound", ledger.Verdict{}, true, 1000, even, nil, nil, result.Valid, ""},
		{"drifting", ledger.Verdict{}, true, 1000, even, falling, nil, result.Drifting, "The rate went from"},
		{"suspicious", ledger.Verdict{}, true, 1000, uneven, falling, nil, result.Suspicious, "0.5 operations were under way on average, and the rate times the mean response time is 0.1"},
		{"saturated", ledger.Verdict{}, true, 900, uneven, falling, nil, result.Saturated, "Only 900"},
		{"unfit", ledger.Verdict{}, false, 900, uneven, falling, nil, result.InvalidGenerator, "not fit"},
		{"violated", lost, false, 900, uneven, falling, nil, result.Invalid, "1 lost"},
		{"with faults", ledger.Verdict{}, true, 900, uneven, falling, []plan.Fault{{Do: "kill"}}, result.Valid, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, details := worked(t)
			achieved(got, c.done, nil)
			got.Generator.Healthy = c.healthy
			r := &run{traffic: &flow.Traffic{}, cell: got.Config, done: c.drift}
			r.cell.Faults = c.faults
			status, reasons := r.status(got, c.verdict, details, c.little)
			if why := strings.Join(reasons, " "); status != c.want || !strings.Contains(why, c.because) || (why == "") != (c.because == "") {
				t.Errorf("it is %s because %q, want %s because %q", status, why, c.want, c.because)
			}
		})
	}
}

func TestTheStatusOfACell(t *testing.T) {
	for _, c := range []struct {
		runs []result.Status
		want result.Status
	}{
		{[]result.Status{result.Valid}, result.Valid},
		{[]result.Status{result.Valid, result.Valid, result.Saturated}, result.Valid},
		{[]result.Status{result.Valid, result.Saturated, result.Saturated}, result.Saturated},
		{[]result.Status{result.Valid, result.Valid, result.Valid, result.Invalid}, result.Invalid},
		{[]result.Status{result.InvalidGenerator, result.Drifting, result.InvalidGenerator}, result.InvalidGenerator},
		{[]result.Status{result.Suspicious, result.Drifting, result.Suspicious, result.Valid}, result.Suspicious},
		{[]result.Status{result.Drifting, result.Drifting, result.Valid}, result.Drifting},
	} {
		var runs []*result.Run
		for _, s := range c.runs {
			runs = append(runs, &result.Run{Status: s})
		}
		if got := statusOf(runs); got != c.want {
			t.Errorf("the status of runs that are %v is %s, want %s", c.runs, got, c.want)
		}
	}
}

// A summary rests on valid runs alone, if there are any, and tells how sure it is.
func TestSummariesRestOnValidRuns(t *testing.T) {
	var runs []*result.Run
	for i := range 6 {
		r, _ := worked(t)
		r.Repeat = i + 1
		h := measure.NewHistogram()
		for range 20 {
			h.Record(time.Duration(i+1) * time.Millisecond)
		}
		o := r.Operations["producer/post"]
		o.Achieved, o.Response = int64(1000+10*i), result.LatencyOf(h)
		r.Operations["producer/post"] = o
		r.Workload = map[string]result.Figure{"fairness": {Value: 0.9, Unit: "ratio", Says: "Jain's index."}}
		runs = append(runs, r)
	}
	runs[5].Status, runs[5].Reasons = result.Saturated, []string{"The backlog grows."}
	all := summarize(runs)
	if len(all) != 1 {
		t.Fatalf("%d cells, want 1", len(all))
	}
	s := all[0]
	rate := s.Metrics["achieved_per_s"]
	if s.Runs != 6 || s.Valid != 5 || s.Status != result.Valid || !slices.Equal(s.Reasons, runs[5].Reasons) || rate.Value != 102 {
		t.Errorf("%d runs, %d valid, %s %v, %v/s; want 6, 5, valid and 102/s", s.Runs, s.Valid, s.Status, s.Reasons, rate.Value)
	}
	if rate.Low == nil || *rate.Low < 100 || *rate.Low > 102 || *rate.High < 102 || *rate.High > 104 {
		t.Errorf("the interval of the rate is %v to %v, want within that of the five runs", rate.Low, rate.High)
	}
	if got := s.Operations["producer/post"]; got.Count != 100 {
		t.Errorf("%d times of all valid runs together, want 100", got.Count)
	}
	if _, known := s.Metrics["response_p99_ns"]; known {
		t.Error("a p99 of 20 samples a run is told")
	}
	for name, f := range s.Metrics {
		if f.Unit == "" || !strings.HasSuffix(f.Says, ".") {
			t.Errorf("%s is %+v: without a unit or a sentence", name, f)
		}
	}
	for _, r := range runs {
		r.Status = result.Saturated
	}
	if s := summarize(runs)[0]; s.Valid != 0 || s.Metrics["achieved_per_s"].Value != 102.5 {
		t.Errorf("of no valid runs %d are, at %v/s; want the median of all", s.Valid, s.Metrics["achieved_per_s"].Value)
	}
	if s := summarize(runs[:2])[0]; s.Metrics["achieved_per_s"].Low != nil {
		t.Error("two runs have an interval")
	}
}

// Each block has each cell once that is repeated so often, in an order that follows from the seed.
func TestBlocksAreShuffledBySeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cells []plan.Cell
		for i := range rapid.IntRange(1, 30).Draw(t, "cells") {
			c := plan.Cell{API: fmt.Sprint(i)}
			c.Time.Repeats = rapid.IntRange(1, 5).Draw(t, "repeats")
			cells = append(cells, c)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		times := map[string]int{}
		for block := 1; block <= blocks(cells); block++ {
			some := order(cells, seed, block)
			for _, c := range some {
				times[c.API]++
				if c.Time.Repeats < block {
					t.Errorf("block %d has cell %s, which has %d repeats", block, c.API, c.Time.Repeats)
				}
			}
			if again := order(cells, seed, block); !slices.EqualFunc(some, again, func(a, b plan.Cell) bool { return a.API == b.API }) {
				t.Errorf("block %d has two orders for one seed", block)
			}
		}
		for _, c := range cells {
			if times[c.API] != c.Time.Repeats {
				t.Errorf("cell %s is run %d times, want %d", c.API, times[c.API], c.Time.Repeats)
			}
		}
	})
	cells := make([]plan.Cell, 20)
	for i := range cells {
		cells[i].API, cells[i].Time.Repeats = fmt.Sprint(i), 2
	}
	same := func(a, b []plan.Cell) bool {
		return slices.EqualFunc(a, b, func(a, b plan.Cell) bool { return a.API == b.API })
	}
	if same(order(cells, 1, 1), cells) || same(order(cells, 1, 1), order(cells, 1, 2)) || same(order(cells, 1, 1), order(cells, 2, 1)) {
		t.Error("blocks and seeds don't change the order")
	}
}

func TestNoiseThatStandsOutIsMarked(t *testing.T) {
	all := make([]result.Calibration, 6)
	for i := range all {
		all[i].EchoP99NS = int64(1000 + 10*i)
	}
	all[3].EchoP99NS = 9000
	marked(all)
	for i, c := range all {
		if c.Marked != (i == 3) {
			t.Errorf("block %d of p99 %d is marked: %v", i, c.EchoP99NS, c.Marked)
		}
	}
}

// What the expected end is after a quarter of a plan is the end, within a fifth, whatever comes on top of what is planned.
func TestTheExpectedEndIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cells []plan.Cell
		for range rapid.IntRange(4, 30).Draw(t, "cells") {
			c := plan.Cell{}
			c.Time.Repeats = rapid.IntRange(1, 3).Draw(t, "repeats")
			c.Time.Duration = plan.Duration(rapid.IntRange(500, 3000).Draw(t, "length")) * plan.Duration(time.Millisecond)
			cells = append(cells, c)
		}
		onTop := time.Duration(rapid.IntRange(-100, 2000).Draw(t, "on top")) * time.Millisecond // less, if drains end at once
		now, g := time.Duration(0), newProgress(cells, func(string, int) bool { return false })
		g.elapsed = func() time.Duration { return now }
		var expected time.Duration
		for block := 1; block <= blocks(cells); block++ {
			for _, c := range order(cells, 1, block) {
				now += planned(c) + onTop + time.Duration(rapid.IntRange(-3, 3).Draw(t, "noise"))*planned(c)/100
				g.ended(c)
				if p := g.now(); expected == 0 && p.Share >= 0.25 {
					expected = p.Elapsed + p.Left
				}
			}
		}
		if expected < now*8/10 || expected > now*12/10 {
			t.Errorf("the end was expected after %v and came after %v", expected, now)
		}
		if p := g.now(); p.Share != 1 || p.Left != 0 || p.Runs != p.Total {
			t.Errorf("at the end there is %+v", p)
		}
	})
}

// Within a run the rest becomes less, and it is never less than nothing.
func TestTheRestBecomesLess(t *testing.T) {
	c := plan.Cell{}
	c.Time.Repeats, c.Time.Duration = 3, plan.Duration(time.Second)
	now, g := time.Duration(0), newProgress([]plan.Cell{c}, func(string, int) bool { return false })
	g.elapsed = func() time.Duration { return now }
	before := g.now().Left
	for range 100 {
		now += 250 * time.Millisecond
		if now == time.Second {
			g.ended(c)
			continue
		}
		left := g.now().Left
		if left > before || left < 0 {
			t.Fatalf("%v are left after %v, and %v were before", left, now, before)
		}
		before = left
	}
}

// What a message takes is known of a store that tells its size and kept enough of them.
func TestWhatAMessageTakesInAStore(t *testing.T) {
	reading := func(at time.Duration, pid int, bytes float64) measure.Reading {
		return measure.Reading{At: at, PID: pid, Extra: map[string]float64{"used_memory_bytes": bytes}}
	}
	backlog := func(each float64) (points []result.Point) {
		for i := range 5 {
			points = append(points, result.Point{At: time.Duration(i) * time.Second, Value: each * float64(i)})
		}
		return points
	}
	grown := []measure.Reading{reading(0, 1, 1e6), reading(time.Second, 1, 2e6), {At: 2 * time.Second, PID: 1}, reading(3*time.Second, 1, 2.4e6), reading(9*time.Second, 1, 9e9)}
	for name, c := range map[string]struct {
		readings []measure.Reading
		backlog  []result.Point
		each     float64
		known    bool
	}{
		"a store that grows":    {grown, backlog(100), 2000, true},
		"few stayed":            {grown, backlog(40), 0, false},
		"it was started anew":   {[]measure.Reading{reading(time.Second, 1, 2e6), reading(3*time.Second, 2, 3e6)}, backlog(100), 0, false},
		"it tells nothing":      {[]measure.Reading{{At: time.Second}, {At: 2 * time.Second}}, backlog(100), 0, false},
		"it was read only once": {grown[:2], backlog(100), 0, false},
	} {
		if each, known := stored(c.readings, c.backlog, time.Second, 4*time.Second); known != c.known || known && each != c.each {
			t.Errorf("%s: %v bytes, known %v; want %v, %v", name, each, known, c.each, c.known)
		}
	}
}
