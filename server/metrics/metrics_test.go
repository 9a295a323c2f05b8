package metrics

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/observed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A Metrics is what stores and the observer ask for.
var (
	_ storage.Meter     = (*Metrics)(nil)
	_ observed.Recorder = (*Metrics)(nil)
)

func three() int64 { return 3 }

func readings() Readings {
	level := Level{Now: three, Most: 9}
	return Readings{
		Connections: level, BodyBytes: level, StoreCalls: level, Running: three, Waiting: three,
		Refused:         map[string]func() int64{"one": three, "two": three},
		SlowRequests:    three,
		CertificateEnds: func() time.Time { return time.Unix(2e9, 0) },
	}
}

// scrape is the text of a scrape, line by line.
func scrape(t testing.TB, m *Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return strings.Split(w.Body.String(), "\n")
}

func wantLines(t *testing.T, m *Metrics, want ...string) {
	t.Helper()
	have := map[string]bool{}
	for _, line := range scrape(t, m) {
		have[line] = true
	}
	for _, line := range want {
		if !have[line] {
			t.Errorf("the scrape has no line %q", line)
		}
	}
}

func TestRequests(t *testing.T) {
	m := New("1.2", readings())
	m.Request("1.1", "GET /queues", 200, 10, 20*time.Millisecond)
	m.Request("1.1", "GET /queues", 200, 10, 2*time.Second)
	m.Request("1.1", "GET /queues", 400, 5, time.Microsecond)
	m.Request("", "", 404, 1, time.Minute)
	wantLines(t, m,
		`marconi_requests_total{route="GET /queues",status="200",version="1.1"} 2`,
		`marconi_requests_total{route="GET /queues",status="400",version="1.1"} 1`,
		`marconi_requests_total{route="none",status="404",version="none"} 1`,
		`marconi_request_duration_seconds_bucket{route="GET /queues",version="1.1",le="0.025"} 2`,
		`marconi_request_duration_seconds_bucket{route="GET /queues",version="1.1",le="+Inf"} 3`,
		`marconi_request_duration_seconds_bucket{route="none",version="none",le="30"} 0`,
		`marconi_answer_body_bytes_total 26`,
	)
}

func TestCalls(t *testing.T) {
	m := New("1.2", readings())
	m.Record(observed.Post, observed.OK, time.Millisecond)
	m.Record(observed.Post, observed.OK, time.Millisecond)
	m.Record(observed.PingControl, observed.Failed, time.Hour)
	wantLines(t, m,
		`marconi_store_call_duration_seconds_count{operation="post",outcome="ok",plane="data"} 2`,
		`marconi_store_call_duration_seconds_bucket{operation="post",outcome="ok",plane="data",le="0.001"} 2`,
		`marconi_store_call_duration_seconds_bucket{operation="post",outcome="ok",plane="data",le="0.00025"} 0`,
		`marconi_store_call_duration_seconds_sum{operation="ping",outcome="failed",plane="control"} 3600`,
	)
}

func TestReadings(t *testing.T) {
	wantLines(t, New("1.2", readings()),
		`marconi_connections 3`, `marconi_connections_limit 9`,
		`marconi_body_bytes 3`, `marconi_body_bytes_limit 9`,
		`marconi_store_calls 3`, `marconi_store_calls_limit 9`,
		`marconi_requests_running 3`, `marconi_requests_waiting 3`,
		`marconi_refused_total{reason="one"} 3`, `marconi_refused_total{reason="two"} 3`,
		`marconi_slow_requests_total 3`, `marconi_certificate_end_timestamp_seconds 2e+09`,
	)
}

// Names come from drivers; a bad one costs nothing but its figure. The unit says how a distribution is cut.
func TestMeter(t *testing.T) {
	m := New("1.2", readings())
	m.Add("commits", 2)
	m.Add("commits", 3)
	m.Add("not a name", 1)
	m.Observe("commit_seconds", .002)
	m.Observe("batch_bytes", 5000)
	m.Observe("batch_messages", 7)
	m.Observe("not a name", 1)
	wantLines(t, m,
		`marconi_store_commits_total 5`,
		`marconi_store_commit_seconds_bucket{le="0.0025"} 1`, `marconi_store_commit_seconds_bucket{le="0.001"} 0`,
		`marconi_store_batch_bytes_bucket{le="4096"} 0`, `marconi_store_batch_bytes_bucket{le="16384"} 1`,
		`marconi_store_batch_messages_bucket{le="4"} 0`, `marconi_store_batch_messages_bucket{le="8"} 1`,
	)
}

// What many count at once for the first time is counted once each.
func TestTogether(t *testing.T) {
	m := New("1.2", readings())
	const goroutines, each = 16, 50
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for i := range each {
				m.Request("1.1", "route "+strconv.Itoa(i), 200, 1, time.Millisecond)
				m.Record(observed.Operation(i)%observed.Operations, observed.OK, time.Millisecond)
				m.Add("things_"+strconv.Itoa(i), 1)
				m.Observe("sizes_"+strconv.Itoa(i), 1)
			}
		})
	}
	all.Wait()
	for i := range each {
		n := strconv.Itoa(i)
		wantLines(t, m,
			`marconi_requests_total{route="route `+n+`",status="200",version="1.1"} 16`,
			`marconi_store_things_`+n+`_total 16`,
			`marconi_store_sizes_`+n+`_count 16`,
		)
	}
}

// stub is a store that does nothing.
type stub struct{ marconi.DataStore }

func (stub) Pop(context.Context, marconi.QueueRef, int) ([]marconi.Message, error) { return nil, nil }

func BenchmarkRequest(b *testing.B) {
	m := New("1.2", readings())
	b.ReportAllocs()
	for b.Loop() {
		m.Request("1.1", "POST /queues/{queue}/messages", 201, 100, 123*time.Microsecond)
	}
}

func BenchmarkMeter(b *testing.B) {
	m := New("1.2", readings())
	b.ReportAllocs()
	for b.Loop() {
		m.Add("commits", 1)
		m.Observe("commit_seconds", .001)
	}
}

// What a call of a store costs more with all that watches it.
func BenchmarkObservedCall(b *testing.B) {
	m := New("1.2", readings())
	d := observed.New(observed.Options{Recorder: m, Slow: time.Second, MaxCalls: 4096}).Data(stub{})
	ctx := observed.WithShare(b.Context(), &observed.Share{})
	ctx = marconi.WithCaller(ctx, marconi.Caller{})
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = d.Pop(ctx, marconi.QueueRef{}, 1)
	}
}

func BenchmarkScrape(b *testing.B) {
	m := New("1.2", readings())
	for op := range observed.Operations {
		m.Record(op, observed.OK, time.Millisecond)
	}
	for i := range 30 {
		m.Request("1.1", "route "+strconv.Itoa(i), 200, 1, time.Millisecond)
	}
	for b.Loop() {
		scrape(b, m)
	}
}
