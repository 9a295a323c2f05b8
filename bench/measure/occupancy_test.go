package measure

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What was under way on average is what the times of all operations say, clipped to the measured time: also of those that
// failed, were given up, or never ended.
func TestOccupancyIsCountedExactly(t *testing.T) {
	const from, to = time.Second, 3 * time.Second // see measured
	rapid.Check(t, func(t *rapid.T) {
		r, m := measured(3)
		under, ends := time.Duration(0), int64(0)
		for shard := range rapid.IntRange(0, 60).Draw(t, "operations") {
			begun := time.Duration(rapid.Int64Range(0, int64(4*time.Second)).Draw(t, "begun"))
			end := begun + time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "length"))
			m.Offer(begun)
			switch rapid.SampledFrom([]string{"ok", "failed", "given up", "open"}).Draw(t, "ending") {
			case "ok":
				m.Record(shard, sample(begun, begun, begun, end, OK))
			case "failed":
				m.Record(shard, sample(begun, begun, begun, end, "503"))
			case "given up":
				m.Unsent(shard, begun, end)
			default:
				end = time.Hour
			}
			if rapid.Bool().Draw(t, "harvested") {
				r.Harvest()
			}
			under += max(min(end, to)-max(begun, from), 0)
			for _, at := range []time.Duration{from, to} {
				if begun < at && end >= at {
					ends++
				}
			}
		}
		got := r.Occupancy(postKey, from, to)
		if want := under.Seconds() / (to - from).Seconds(); math.Abs(got.Mean-want) > 1e-6 || got.AtEnds != ends {
			t.Errorf("%v under way on average and %d at the ends, want %v and %d", got.Mean, got.AtEnds, want, ends)
		}
	})
}

// account records operations at 100/s from 0 to 4 s, each of which takes 10 ms, and gives the account of the measured time.
func account(spoil func(i int, r *Recorder, m *Meter, at time.Duration) (spoiled bool)) Little {
	r, m := measured(1)
	for i := range 400 {
		at := time.Duration(i) * 10 * ms
		m.Offer(at)
		if spoil == nil || !spoil(i, r, m, at) {
			m.Record(0, sample(at, at, at, at+10*ms, OK))
		}
	}
	totals := r.Totals()[postKey]
	return Little{
		Occupancy: r.Occupancy(postKey, time.Second, 3*time.Second), Rate: float64(totals.Achieved) / 2, Response: totals.Response,
		From: time.Second, To: 3 * time.Second,
	}
}

// Little's law tells figures that leave time out from those that don't.
func TestLittlesLaw(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(int, *Recorder, *Meter, time.Duration) bool
		even  bool
	}{
		"all is told": {nil, true},
		"one in a hundred takes half a second, and is told": {func(i int, _ *Recorder, m *Meter, at time.Duration) bool {
			if i%100 != 0 {
				return false
			}
			m.Record(0, sample(at, at, at, at+500*ms, OK))
			return true
		}, true},
		"the last tenth of a second is a stall": {func(_ int, _ *Recorder, m *Meter, at time.Duration) bool {
			if at < 2900*ms || at > 3*time.Second {
				return false
			}
			m.Record(0, sample(at, at, at, 3010*ms, OK))
			return true
		}, true},
		"one fails after a second and is in no response time": {func(i int, _ *Recorder, m *Meter, at time.Duration) bool {
			if i != 150 {
				return false
			}
			m.Record(0, sample(at, at, at, at+time.Second, Timeout))
			return true
		}, false},
		"one is never answered": {func(i int, _ *Recorder, _ *Meter, _ time.Duration) bool { return i == 150 }, false},
		"times are counted from when it was sent": {func(_ int, _ *Recorder, m *Meter, at time.Duration) bool {
			m.Record(0, sample(at+5*ms, at+5*ms, at+5*ms, at+10*ms, OK))
			return true
		}, false},
		"only what is quick is told": {func(i int, _ *Recorder, m *Meter, at time.Duration) bool {
			if i%10 != 0 {
				return false
			}
			m.Record(0, sample(at, at, at, at+100*ms, "503"))
			return true
		}, false},
	} {
		l := account(c.spoil)
		if even, why := l.Even(); even != c.even || even != (why == "") {
			t.Errorf("%s: even is %v, because %q; want %v", name, even, why, c.even)
		}
	}
	if even, why := (Little{}).Even(); !even {
		t.Errorf("the account of nothing is not even: %s", why)
	}
}
