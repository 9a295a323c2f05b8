package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage/drivers"
)

func newTextLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// get asks the operators' address.
func (s *service) get(path string) (status int, body string) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	res, err := client.Get("http://" + s.ops + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

var figure = regexp.MustCompile(`(?m)^([a-z_:0-9]+(?:\{.*\})?) (\S+)$`)

// scrape gives the figures, by their names and labels as they are written.
func (s *service) scrape() map[string]string {
	s.t.Helper()
	status, text := s.get("/metrics")
	if status != 200 {
		s.t.Fatalf("the scrape has status %d: %s", status, text)
	}
	figures := map[string]string{}
	for _, m := range figure.FindAllStringSubmatch(text, -1) {
		figures[m[1]] = m[2]
	}
	return figures
}

// Operators have a bounded number of connections, and those that are given back are there for others.
func TestOperatorsConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var open []net.Conn
	for range opsConnections + 10 {
		conn, err := net.Dial("tcp", s.ops)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		open = append(open, conn)
	}
	for _, conn := range open[opsConnections:] {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection too many is open: %v", err)
		}
	}
	if a := s.dial().do("GET", "/v1/health", ""); a.status != 204 {
		t.Errorf("a client: status %d", a.status)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	eventually(t, "there is room again", func() bool {
		res, err := http.Get("http://" + s.ops + "/healthz")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

func TestFigures(t *testing.T) {
	s := serve(t, atMost(100))
	c := s.dial()
	c.do("POST", messages, onePost)
	c.do("POST", messages, onePost)
	c.do("GET", "/v1.1/queues/q/messages/nothing", "")
	c.do("GET", "/nowhere", "")
	waits := s.dial()
	waits.begin("POST", "/v1.1/queues/r/claims?wait=20", 0)
	eventually(t, "all are counted", func() bool {
		return s.server.broker.Waiting() == 1 && s.scrape()[`marconi_requests_total{route="none",status="404",version="none"}`] == "1"
	})
	got := s.scrape()
	for name, want := range map[string]string{
		`marconi_requests_total{route="POST /queues/{queue}/messages",status="201",version="1.1"}`:          "2",
		`marconi_requests_total{route="GET /queues/{queue}/messages/{message}",status="404",version="1.1"}`: "1",
		`marconi_request_duration_seconds_count{route="POST /queues/{queue}/messages",version="1.1"}`:       "2",
		`marconi_store_call_duration_seconds_count{operation="post",outcome="ok",plane="data"}`:             "2",
		`marconi_store_call_duration_seconds_count{operation="create_queue",outcome="ok",plane="control"}`:  "1",
		`marconi_store_call_duration_seconds_count{operation="message",outcome="refused",plane="data"}`:     "1",
		`marconi_requests_waiting`:                    "1",
		`marconi_requests_running`:                    "0",
		`marconi_connections`:                         "2",
		`marconi_connections_limit`:                   "100",
		`marconi_body_bytes`:                          "0",
		`marconi_body_bytes_limit`:                    "2.68435456e+08",
		`marconi_store_calls`:                         "0",
		`marconi_store_calls_limit`:                   "4096",
		`marconi_refused_total{reason="connections"}`: "0",
		`marconi_refused_total{reason="body_bytes"}`:  "0",
		`marconi_refused_total{reason="store_calls"}`: "0",
		`marconi_refused_total{reason="store_full"}`:  "0",
		`marconi_slow_requests_total`:                 "0",
		`marconi_certificate_end_timestamp_seconds`:   "", // there is no TLS
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"go_goroutines", "marconi_answer_body_bytes_total", "process_start_time_seconds"} {
		if got[name] == "" || got[name] == "0" {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	s.stop()
	waits.answer()
}

// What a driver measures of itself is there under its own names.
func TestFiguresOfADriver(t *testing.T) {
	uri := "sqlite:///" + filepath.Join(t.TempDir(), "marconi.db")
	s := serve(t, func(o *Options) { o.DataURI, o.ControlURI = uri, uri })
	s.dial().do("POST", messages, onePost)
	got := s.scrape()
	for _, name := range []string{"marconi_store_commits_total", "marconi_store_commit_seconds_count", `marconi_store_commit_operations_bucket{le="1"}`} {
		if got[name] == "" || got[name] == "0" {
			t.Errorf("%s is %q", name, got[name])
		}
	}
}

func TestFiguresOfACertificate(t *testing.T) {
	cert, key := writeCertificate(t, "localhost")
	s := serve(t, configured(func(c *config.Config) { c.Marconi.TLSCert, c.Marconi.TLSKey = cert, key }))
	if got := s.scrape()["marconi_certificate_end_timestamp_seconds"]; got == "" {
		t.Error("the certificate's end is missing")
	}
}

// A scrape costs the same, however many projects and queues there are.
func TestAScrapeDoesNotGrow(t *testing.T) {
	s := serve(t)
	c := s.dial()
	fill := func(project string, queues int) {
		for i := range queues {
			c.send(fmt.Sprintf("POST /v1.1/queues/%s-%d/messages HTTP/1.1\r\n%sX-Project-ID: %s\r\nContent-Length: %d\r\n\r\n%s",
				project, i, strings.Replace(usual, "X-Project-ID: p\r\n", "", 1), project, len(onePost), onePost))
			if a := c.answer(); a.status != 201 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
		}
	}
	fill("few", 2)
	s.scrape() // which has figures of its own
	before := s.scrape()
	for i := range 20 {
		fill(fmt.Sprint("many", i), 100)
	}
	after := s.scrape()
	for name := range after {
		if _, known := before[name]; !known {
			t.Errorf("2000 queues later there is a new figure: %s", name)
		}
		if strings.Contains(name, "many") || strings.Contains(name, "few") {
			t.Errorf("%s has a name of a client's choosing", name)
		}
	}
}

// What is for operators is not on the address of the API.
func TestOpsAreNotOnTheAPI(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/cmdline"} {
		if a := s.dial().do("GET", path, ""); a.status != 404 || !strings.Contains(a.body, `"title"`) {
			t.Errorf("the API answers %s with %d: %s", path, a.status, a.body)
		}
		if status, body := s.get(path); status != 200 || body == "" {
			t.Errorf("operators get %d for %s", status, path)
		}
	}
	for _, path := range []string{"/v1.1/queues", "/", "/metrics/x"} {
		if status, _ := s.get(path); status != 404 {
			t.Errorf("operators get %d for %s", status, path)
		}
	}
	if status, body := s.get("/debug/pprof/goroutine?debug=1"); status != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("the profile of goroutines: status %d", status)
	}
}

// A silentStore doesn't answer when it is told so.
type silentStore struct {
	marconi.DataStore
	silent *atomic.Bool
}

func (s silentStore) Ping(ctx context.Context) error {
	if s.silent.Load() {
		return errors.New("connection refused")
	}
	return s.DataStore.Ping(ctx)
}

func TestReadiness(t *testing.T) {
	var silent atomic.Bool
	s := serve(t, func(o *Options) {
		o.WrapData = func(d marconi.DataStore) marconi.DataStore { return silentStore{d, &silent} }
	})
	want := func(path string, want int, text string) {
		t.Helper()
		if status, body := s.get(path); status != want || body != text+"\n" {
			t.Errorf("%s answers %d %q, want %d %q", path, status, body, want, text)
		}
	}
	want("/readyz", 200, "ok")
	silent.Store(true)
	want("/readyz", 503, "a store does not answer")
	want("/healthz", 200, "ok")
	silent.Store(false)
	want("/readyz", 200, "ok")

	// A request under way keeps the server from being gone.
	c := s.dial()
	c.begin("POST", messages, len(onePost))
	eventually(t, "a request is under way", func() bool { return s.server.running() == 1 })
	s.stop()
	eventually(t, "the server is stopping", s.server.stopping.Load)
	want("/readyz", 503, "the server is stopping")
	want("/healthz", 200, "ok")
	c.send(onePost)
	if a := c.answer(); a.status != 201 {
		t.Errorf("the request under way: status %d", a.status)
	}
}

func TestOpsTakeAnAddress(t *testing.T) {
	s, err := New(t.Context(), Options{Config: config.Default(), Drivers: drivers.All(), DataURI: "memory://", ControlURI: "memory://"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.ServeOps(t.Context(), listenLocally(t)); err == nil || !strings.Contains(err.Error(), "ops_listen") {
		t.Errorf("ServeOps without figures: %v", err)
	}
}
