package flow

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

// A null server takes every post and keeps nothing. Before it answers a post it does what before says.
type null struct {
	*httptest.Server
	before func()

	mu       sync.Mutex // guards arrivals
	arrivals []time.Time
	open     atomic.Int64 // requests under way
	most     atomic.Int64
}

func startNull(t testing.TB, before func()) *null {
	t.Helper()
	n := &null{before: before}
	n.Server = httptest.NewServer(http.HandlerFunc(n.serve))
	t.Cleanup(n.Close)
	return n
}

func (n *null) serve(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	for open := n.open.Add(1); ; {
		most := n.most.Load()
		if open <= most || n.most.CompareAndSwap(most, open) {
			break
		}
	}
	defer n.open.Add(-1)
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/messages") {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var body struct{ Messages []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	n.arrivals = append(n.arrivals, arrived)
	n.mu.Unlock()
	if n.before != nil {
		n.before()
	}
	resources := make([]string, len(body.Messages))
	for i := range resources {
		resources[i] = fmt.Sprintf("/v1.1/queues/q/messages/%d-%d", arrived.UnixNano(), i)
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"resources": resources})
}

// posts is a cell of producers alone: at a rate, with so many connections.
func posts(t testing.TB, arrivals string, rate, connections int, length time.Duration) plan.Cell {
	t.Helper()
	p, err := plan.Parse("test.yaml", fmt.Appendf(nil, `plan: test
targets: [{name: nothing, url: "http://127.0.0.1:1", api: [1.1]}]
workloads: [{use: pub-sub, producers: 10, observers: 0}]
load: {rates: [%d], arrivals: %s, connections: %d, timeout: 20s}
time: {warmup: 0s, duration: %s, drain: 1s, repeats: 1}
`, rate, arrivals, connections, length))
	if err != nil {
		t.Fatal(err)
	}
	return p.Matrix()[0]
}

// offer runs a cell of producers against a server that keeps nothing, and gives what became of its posts.
func offer(t testing.TB, n *null, c plan.Cell, seed uint64) *measure.Totals {
	t.Helper()
	run := prepare(t, n.URL, c, seed)
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	run.stop()
	return run.Recorder.Totals()[measure.Key{Flow: "producer", Operation: "post"}]
}

// attempts try to see something on a machine that others use, too, which is too busy if the pacer can't wake in time.
func attempts(t *testing.T, try func() (problem string, lag *measure.Histogram)) {
	t.Helper()
	benchtest.Attempts(t, func() (string, bool) {
		problem, lags := try()
		if problem == "" {
			return "", false
		}
		lag, _ := lags.Quantile(0.99)
		return fmt.Sprintf("%s; the pacer woke %v late", problem, lag), lag > 2*time.Millisecond
	})
}

// The rate that is offered is the rate that arrives, whatever the arrivals are like.
func TestWhatIsOfferedArrives(t *testing.T) {
	for _, arrivals := range []string{"even", "poisson"} {
		for _, rate := range []int{100, 1000, 5000} {
			t.Run(fmt.Sprintf("%s/%d", arrivals, rate), func(t *testing.T) {
				length := 500 * time.Millisecond
				if soak() {
					length = 5 * time.Second
				}
				want := float64(rate) * length.Seconds()
				attempts(t, func() (string, *measure.Histogram) {
					n := startNull(t, nil)
					got := offer(t, n, posts(t, arrivals, rate, 64, length), 1)
					if math.Abs(float64(got.Offered)-want) > 4*math.Sqrt(want) || arrivals == "even" && got.Offered != int64(want) {
						t.Errorf("%d were offered, want about %v", got.Offered, want)
					}
					if arrived := int64(len(n.arrivals)); arrived < got.Offered*995/1000 || arrived > got.Offered {
						return fmt.Sprintf("%d arrived of %d offered", arrived, got.Offered), got.PacerLag
					}
					return "", nil
				})
			})
		}
	}
}

// What is to come evenly does, as seen by the server: the spread of the times between is well below their mean.
func TestEvenArrivalsAreEven(t *testing.T) {
	attempts(t, func() (string, *measure.Histogram) {
		n := startNull(t, nil)
		got := offer(t, n, posts(t, "even", 1000, 64, time.Second), 1)
		n.mu.Lock()
		defer n.mu.Unlock()
		slices.SortFunc(n.arrivals, time.Time.Compare)
		var gaps []float64
		for i, at := range n.arrivals[1:] {
			gaps = append(gaps, at.Sub(n.arrivals[i]).Seconds())
		}
		mean, squares := 0.0, 0.0
		for _, g := range gaps {
			mean += g / float64(len(gaps))
		}
		for _, g := range gaps {
			squares += (g - mean) * (g - mean) / float64(len(gaps))
		}
		if cv := math.Sqrt(squares) / mean; cv > 0.4 {
			return fmt.Sprintf("the gaps have a spread of %.2f of their mean", cv), got.PacerLag
		}
		return "", nil
	})
}

// A server that stalls for a second can't hide it: those who came meanwhile waited up to a second, as many as came. With few
// connections service times look harmless, since those who wait for a connection are not being served.
func TestAStallIsSeen(t *testing.T) {
	rate, begins, stalls, length := 200, 500*time.Millisecond, 300*time.Millisecond, 3*time.Second
	if soak() {
		rate, begins, stalls, length = 1000, 4*time.Second, time.Second, 10*time.Second
	}
	// A tenth of all come in the stall, evenly: the longest percent of all waits for nine tenths of it and more.
	fewest, most, mean := stalls*85/100, stalls+10*time.Millisecond, stalls/20
	for _, connections := range []int{256, 10} {
		t.Run(fmt.Sprint(connections), func(t *testing.T) {
			if !soak() {
				t.Parallel()
			}
			attempts(t, func() (string, *measure.Histogram) {
				var stall sync.RWMutex
				n := startNull(t, func() { stall.RLock(); defer stall.RUnlock() })
				timer := time.AfterFunc(begins, func() {
					stall.Lock()
					time.Sleep(stalls)
					stall.Unlock()
				})
				defer timer.Stop()
				got := offer(t, n, posts(t, "even", rate, connections, length), 1)
				p99, _ := got.Response.Quantile(0.99)
				response, service := got.Response.Mean(), got.Service.Mean()
				served, _ := got.Service.Quantile(0.99)
				switch {
				case got.Response.Count() != got.Offered:
					return fmt.Sprintf("%d of %d were answered", got.Response.Count(), got.Offered), got.PacerLag
				case p99 < fewest || p99 > most || response < mean*4/5 || response > mean*7/5:
					return fmt.Sprintf("response times of p99 %v and mean %v, want %v to %v and about %v", p99, response, fewest, most, mean), got.PacerLag
				case connections == 10 && service > response/2:
					return fmt.Sprintf("service times of %v on average, though most waited for a connection", service), got.PacerLag
				case connections == 10 && soak() && served >= 50*time.Millisecond:
					return fmt.Sprintf("service times of p99 %v, though only ten were being served in the stall", served), got.PacerLag
				}
				return "", nil
			})
		})
	}
}

// Delays that are known come out as they are, within a twentieth; in the short form, which runs beside other tests, and some more.
func TestKnownDelaysAreMeasured(t *testing.T) {
	const mean, median = 20 * time.Millisecond, 23 * time.Millisecond // the most that it may be of what is constant
	length, quantiles, slack := 2500*time.Millisecond, []float64{0.5, 0.9}, 3*time.Millisecond
	if soak() {
		length, quantiles, slack = 30*time.Second, []float64{0.5, 0.99, 0.999}, 0
	}
	for name, delay := range map[string]func(*rand.Rand) time.Duration{
		"constant":    func(*rand.Rand) time.Duration { return mean },
		"exponential": func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attempts(t, func() (string, *measure.Histogram) {
				random := rand.New(rand.NewPCG(1, 1))
				var mu sync.Mutex
				var took []time.Duration
				n := startNull(t, func() {
					mu.Lock()
					d := delay(random)
					mu.Unlock()
					begun := time.Now()
					time.Sleep(d)
					mu.Lock()
					defer mu.Unlock()
					took = append(took, time.Since(begun)) // no sleep is exact
				})
				got := offer(t, n, posts(t, "poisson", 200, 256, length), 1)
				slices.Sort(took)
				if p50, _ := got.Response.Quantile(0.5); name == "constant" && !benchtest.Raced && (p50 < mean || p50 > median) {
					return fmt.Sprintf("the median is %v of what takes %v", p50, mean), got.PacerLag
				}
				for _, q := range quantiles {
					is, _ := got.Response.Quantile(q)
					if want := took[int(q*float64(len(took)))]; is < want-want/20 || is > want+want/20+slack {
						return fmt.Sprintf("quantile %v is %v, and the server took %v", q, is, want), got.PacerLag
					}
				}
				return "", nil
			})
		})
	}
}

// A capped server answers one after the other at a rate, and no faster whatever it is asked: when it was late it makes up for it.
type capped struct {
	rate float64

	mu    sync.Mutex // guards what follows
	begun time.Time
	taken int
}

func (c *capped) wait() {
	c.mu.Lock()
	if c.taken++; c.begun.IsZero() {
		c.begun = time.Now()
	}
	turn := c.begun.Add(time.Duration(float64(c.taken) / c.rate * float64(time.Second)))
	c.mu.Unlock()
	time.Sleep(time.Until(turn))
}

// An overload ends in time, with no more connections than there are, and is seen for what it is: what is achieved is what the server
// can do, within a twentieth.
func TestAnOverloadIsSeen(t *testing.T) {
	const capacity, connections, length = 500, 16, 5 * time.Second
	attempts(t, func() (string, *measure.Histogram) {
		n := startNull(t, (&capped{rate: capacity}).wait)
		begun := time.Now()
		got := offer(t, n, posts(t, "even", 2*capacity, connections, length), 1)
		if took := time.Since(begun); took > length+3*time.Second {
			t.Errorf("it took %v", took)
		}
		if most := n.most.Load(); most > connections {
			t.Errorf("%d requests were under way at once over %d connections", most, connections)
		}
		if cut := got.Cut.Count(); cut == 0 || got.Response.Count()+cut != got.Offered {
			t.Errorf("%d were timed and %d given up, of %d", got.Response.Count(), cut, got.Offered)
		}
		if all := got.All(); all.Max() < time.Second {
			t.Errorf("who was never served waited up to %v, want more than a second", all.Max())
		}
		if rate := float64(got.Achieved) / length.Seconds(); rate < 0.95*capacity || rate > 1.05*capacity {
			return fmt.Sprintf("%v/s were achieved of a server that does %d/s", rate, capacity), got.PacerLag
		}
		return "", nil
	})
}

// What was never found must not flatter what was.
func TestEmptyAnswersStandApart(t *testing.T) {
	url := startServer(t)
	c := cells(t, "{use: idle-poll, workers: 3, observers: 3}")[1]
	totals := play(t, url, c, 1).Recorder.Totals()
	for _, k := range []measure.Key{{Flow: "worker", Operation: "claim"}, {Flow: "observer", Operation: "list"}} {
		if got := totals[k]; got != nil && got.Response.Count() > 0 {
			t.Errorf("%d of %s on empty queues", got.Response.Count(), k)
		}
		k.Operation += ".empty"
		if got := totals[k]; got == nil || got.Response.Count() == 0 {
			t.Errorf("no %s on empty queues", k)
		}
	}
}
