package measure

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/client"
)

const ms = time.Millisecond

// A hand is a clock that stands where it was put.
type hand struct{ at time.Duration }

func (h *hand) now() time.Duration { return h.at }

func exponential(n int, mean time.Duration) ([]time.Duration, *Histogram) {
	random, h := rand.New(rand.NewPCG(1, 2)), NewHistogram()
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(random.ExpFloat64() * float64(mean))
		h.Record(all[i])
	}
	slices.Sort(all)
	return all, h
}

func TestQuantilesAreThoseOfTheValues(t *testing.T) {
	all, h := exponential(100_000, 20*ms)
	for _, q := range []float64{0.5, 0.75, 0.9, 0.99, 0.999} {
		got, enough := h.Quantile(q)
		want := all[int(q*float64(len(all)))-1]
		if !enough || (got-want).Abs() > want/500+2*time.Microsecond {
			t.Errorf("Quantile(%v) = %v, %v, want %v", q, got, enough, want)
		}
	}
}

func TestAQuantileWithFewSamplesAboveIsNotToBeTold(t *testing.T) {
	h := NewHistogram()
	for range 999 {
		h.Record(ms)
	}
	if _, enough := h.Quantile(0.99); enough {
		t.Error("p99 of 999 samples is told: nine lie above it")
	}
	h.Record(ms)
	if _, enough := h.Quantile(0.99); !enough {
		t.Error("p99 of 1000 samples is not told")
	}
}

func TestAHistogramReadBackHasTheSameQuantiles(t *testing.T) {
	_, h := exponential(10_000, 5*ms)
	back, err := Decode(h.Encode())
	if err != nil {
		t.Fatal(err)
	}
	for q := 0.0; q <= 1; q += 0.01 {
		want, _ := h.Quantile(q)
		if got, _ := back.Quantile(q); got != want {
			t.Errorf("Quantile(%v) = %v when read back, was %v", q, got, want)
		}
	}
	if back.Count() != h.Count() || back.Mean() != h.Mean() || back.Max() != h.Max() {
		t.Error("count, mean or longest differ when read back")
	}
}

func TestWhatIsTooLongCountsAsTheLongest(t *testing.T) {
	h := NewHistogram()
	h.Record(time.Hour)
	h.Record(-time.Second)
	if h.Count() != 2 || h.Max() < 120*time.Second || h.Max() > 121*time.Second {
		t.Errorf("%d durations up to %v, want two up to two minutes", h.Count(), h.Max())
	}
}

func TestTheLogReadsBack(t *testing.T) {
	var log bytes.Buffer
	start := time.Date(2014, 8, 18, 10, 0, 0, 0, time.UTC)
	w, err := NewLogWriter(&log, start, "a run")
	if err != nil {
		t.Fatal(err)
	}
	_, h := exponential(1000, 5*ms)
	for second := range 3 {
		if err := w.Interval("producer/post", time.Duration(second)*time.Second, time.Duration(second+1)*time.Second, h); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "log format version 1.3") {
		t.Errorf("the log doesn't say that it is version 1.3:\n%.300s", log.String())
	}
	back, err := ReadLog(&log)
	if err != nil {
		t.Fatal(err)
	}
	if n := back["producer/post"].Count(); n != 3000 {
		t.Errorf("the log holds %d values, want 3000", n)
	}
}

func FuzzDecode(f *testing.F) {
	_, h := exponential(100, ms)
	f.Add(string(h.Encode()))
	f.Add("HISTFAAAAC")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := Decode(Encoded(text)); err == nil {
			h.Quantile(0.99)
		}
	})
}

func sample(intended, woke, sent, answered time.Duration, class Class) Sample {
	return Sample{Intended: intended, Woke: woke, Sent: sent, Answered: answered, Class: class, Messages: 2, Bytes: 10}
}

var postKey = Key{"producer", "post"}

// measured makes a recorder whose measured phase lasts from one second to three.
func measured(shards int) (*Recorder, *Meter) {
	r := NewRecorder()
	r.Begin("warmup", false, 0)
	r.Begin("measure", true, time.Second)
	r.Begin("drain", false, 3*time.Second)
	return r, r.Meter(postKey, shards)
}

func TestTimesAreCountedFromWhatWasIntended(t *testing.T) {
	r, m := measured(2)
	const at = 1500 * ms
	m.Offer(at)
	m.Send(0, at+3*ms)
	m.Record(0, sample(at, at+ms, at+3*ms, at+10*ms, OK))
	got := r.Totals()[postKey]
	for name, is := range map[string]struct {
		h    *Histogram
		want time.Duration
	}{"pacer lag": {got.PacerLag, ms}, "queue lag": {got.QueueLag, 2 * ms}, "service": {got.Service, 7 * ms}, "response": {got.Response, 10 * ms}} {
		if d := is.h.Max(); (d - is.want).Abs() > 20*time.Microsecond {
			t.Errorf("%s is %v, want %v", name, d, is.want)
		}
	}
	if got.Offered != 1 || got.Sent != 1 || got.Achieved != 1 || got.Messages != 2 || got.Bytes != 10 {
		t.Errorf("the totals are %+v", got)
	}
}

// What was wanted while it was measured is timed whenever its answer comes: else a stall at the end would be forgotten. What
// is answered counts when it is: else an overload would look like more than the server does.
func TestTimesBelongToTheIntentionAndCountsToTheirSecond(t *testing.T) {
	r, m := measured(1)
	for _, at := range []time.Duration{900 * ms, 1100 * ms, 2900 * ms, 3100 * ms} {
		m.Offer(at)
		m.Record(0, sample(at, at, at, at+200*ms, OK))
	}
	got := r.Totals()[postKey]
	if n := got.Response.Count(); n != 2 {
		t.Errorf("%d operations are timed, want the two that were intended in the measured phase", n)
	}
	if got.Offered != 2 || got.Achieved != 2 {
		t.Errorf("%d were offered and %d achieved in the measured phase, want 2 and 2", got.Offered, got.Achieved)
	}
	if n := r.PhaseTotals("drain")[postKey].Achieved; n != 2 {
		t.Errorf("%d operations were answered after it, want 2", n)
	}
}

func TestFailuresStandApart(t *testing.T) {
	r, m := measured(1)
	const at = 1100 * ms
	m.Record(0, sample(at, at, at, at+ms, OK))
	m.Record(0, sample(at, at, at, at+1500*ms, Timeout))
	m.Record(0, sample(at, at, at, at+2*ms, "503"))
	m.Unsent(0, at, at+1800*ms)
	got := r.Totals()[postKey]
	if got.Achieved != 1 || got.Response.Count() != 1 || got.Errors[Timeout] != 1 || got.Errors["503"] != 1 {
		t.Errorf("the totals are %+v", got)
	}
	if all := got.All(); all.Count() != 3 || all.Max() < 1800*ms {
		t.Errorf("with what was cut there are %d response times up to %v, want 3 up to 1.8 s", all.Count(), all.Max())
	}
}

func TestSecondsAddUp(t *testing.T) {
	r, m := measured(4)
	for second := range 3 {
		for i := range 10 {
			at := time.Duration(second)*time.Second + time.Duration(i)*10*ms
			m.Offer(at)
			m.Send(i, at)
			m.Record(i, sample(at, at, at, at+time.Duration(second+1)*ms, OK))
			if i%3 == 0 {
				r.Harvest() // in the middle of a second
			}
		}
	}
	r.Harvest()
	seconds := r.Seconds()
	if len(seconds) != 3 {
		t.Fatalf("%d seconds, want 3", len(seconds))
	}
	for i, s := range seconds {
		c := s.By[postKey]
		if c.Offered != 10 || c.Sent != 10 || c.Achieved != 10 || c.Messages != 20 {
			t.Errorf("second %d is %+v", i, c)
		}
		if want := time.Duration(i+1) * ms; (c.P50 - want).Abs() > 10*time.Microsecond {
			t.Errorf("second %d has a p50 of %v, want %v", i, c.P50, want)
		}
	}
	if seconds[0].Phase != "warmup" || seconds[2].Phase != "measure" || seconds[1].From != time.Second {
		t.Errorf("the seconds are %+v", seconds)
	}
}

func TestTheLogOfSecondsHoldsWhatWasAchieved(t *testing.T) {
	r, m := measured(2)
	for i := range 400 {
		at := time.Duration(i) * 10 * ms
		m.Record(i, sample(at, at, at, at+7*ms, OK))
	}
	achieved := r.Totals()[postKey].Achieved
	var logged int64
	for _, s := range r.Seconds() {
		if s.Phase != "measure" {
			continue
		}
		h, err := Decode(s.By[postKey].Response)
		if err != nil {
			t.Fatal(err)
		}
		logged += h.Count()
	}
	if logged != achieved || achieved == 0 {
		t.Errorf("the seconds hold %d operations, the totals %d", logged, achieved)
	}
}

func TestClassify(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then the server doesn't look whether the client is there
		<-r.Context().Done()
	}))
	defer slow.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.(*net.TCPConn).SetLinger(0)
			_ = connection.Close()
		}
	}))
	defer cut.Close()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer busy.Close()
	garbled := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "{")
	}))
	defer garbled.Close()
	for url, want := range map[string]Class{
		slow.URL: Timeout, cut.URL: Reset, busy.URL: "503", garbled.URL: Garbled, "http://127.0.0.1:1": Connect,
	} {
		if got := Classify(post(t, url)); got != want {
			t.Errorf("a post to %s is of the class %q, want %q", url, got, want)
		}
	}
	if got := Classify(errors.New("what is this")); got != Other {
		t.Errorf("an unknown error is of the class %q", got)
	}
}

func post(t *testing.T, url string) error {
	t.Helper()
	c, err := client.New(url, client.Config{Project: "p"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*ms)
	defer cancel()
	_, err = c.Queue("q").Post(ctx, client.NewMessage{TTL: time.Minute, Body: []byte("1")})
	return err
}

func TestAProcessIsRead(t *testing.T) {
	clock := &hand{}
	w := NewWatch(clock.now, Process{Name: "generator", PID: os.Getpid(), Collect: func(context.Context) (map[string]float64, error) {
		return map[string]float64{"x_bytes": 7}, nil
	}}, Process{Name: "gone", PID: 1 << 30})
	w.Read(t.Context())
	var used Usage
	for begun := time.Now(); used.CPU == 0 && time.Since(begun) < 10*time.Second; { // the system counts in steps
		hash := sha256.New()
		for range 1000 {
			hash.Write(make([]byte, 1<<10))
		}
		clock.at += ms
		w.Read(t.Context())
		var err error
		if used, err = Used(w.Readings("generator"), 0, clock.at); err != nil {
			t.Fatal(err)
		}
	}
	if used.CPU <= 0 || used.RSSMax < 1<<20 || used.ThreadsMax < 1 || used.DescriptorsMax < 3 || used.Extra["x_bytes"] != 7 {
		t.Errorf("this process used %+v", used)
	}
	if _, err := Used(w.Readings("gone"), 0, time.Second); err == nil {
		t.Error("a process that isn't there used something")
	}
}

func TestAProcessThatWasStartedAnewHasBothParts(t *testing.T) {
	got, err := Used([]Reading{
		{At: 0, PID: 1, CPU: 5}, {At: 1, PID: 1, CPU: 6}, {At: 2, PID: 1, Gone: true}, {At: 3, PID: 2, CPU: 1}, {At: 4, PID: 2, CPU: 3}, {At: 9, PID: 2, CPU: 30},
	}, 0, 5)
	if err != nil || got.CPU != 3 {
		t.Errorf("the CPU used is %v s, %v, want 3", got.CPU, err)
	}
}

func TestAnUnfitGeneratorIsFoundOut(t *testing.T) {
	of := func(d time.Duration) *Histogram {
		h := NewHistogram()
		h.Record(d)
		return h
	}
	fit := Health{PacerLag: of(ms), Response: of(10 * ms), CPU: 0.5, Cores: 1, Measured: time.Second, Offered: 1000, Sent: 1000, FreeConnections: true}
	if ok, why := fit.Fit(); !ok {
		t.Errorf("a fit generator is called unfit: %s", why)
	}
	late, busy, lazy, slow, full := fit, fit, fit, fit, fit
	late.PacerLag = of(5 * ms)
	busy.CPU = 0.9
	lazy.Sent = 980
	slow.PacerLag, slow.Response = of(5*ms), of(time.Second) // nothing to the response times
	full.Sent, full.FreeConnections = 500, false             // the server's doing
	for name, is := range map[string]struct {
		h   Health
		fit bool
	}{"late": {late, false}, "busy": {busy, false}, "lazy": {lazy, false}, "slow": {slow, true}, "full": {full, true}} {
		if got, why := is.h.Fit(); got != is.fit || !got == (why == "") {
			t.Errorf("a generator that was %s: fit %v, because %q", name, got, why)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	_, m := measured(1)
	s := sample(time.Second, time.Second+ms, time.Second+2*ms, time.Second+3*ms, OK)
	for b.Loop() {
		m.Offer(s.Intended)
		m.Send(0, s.Sent)
		m.Record(0, s)
	}
}
