package rest

import (
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// Each request leaves one line, without what it carried.
func TestRequestLog(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.LogLevel = slog.LevelInfo })
	a := s.want(201, "POST", "/v1.1/queues/q/messages?x=secret1", `{"messages": [{"body": "secret2"}]}`, "X-Auth-Token: secret3")
	// The line is written after the answer.
	for deadline := time.Now().Add(5 * time.Second); s.log.String() == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	text := s.log.String()
	if strings.Count(text, "\n") != 1 || strings.Contains(text, "secret") {
		t.Fatalf("the log is %q", text)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if d, _ := got["duration"].(float64); d <= 0 {
		t.Errorf("the duration is %v", got["duration"])
	}
	delete(got, "time")
	delete(got, "duration")
	want := map[string]any{
		"level": "INFO", "msg": "request", "method": "POST", "path": "/v1.1/queues/q/messages", "status": 201.0,
		"bytes": float64(len(a.body)), "request_id": a.header.Get("X-Openstack-Request-Id"), "project": "p1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the line (-want +got):\n%s", diff)
	}
}

func TestObserve(t *testing.T) {
	var (
		mu  sync.Mutex // guards got
		got []Observation
	)
	s := serve(t, func(c *Config, _ *broker.Config) {
		c.Observe = func(o Observation) {
			mu.Lock()
			defer mu.Unlock()
			if o.Duration <= 0 {
				t.Errorf("%v took no time", o)
			}
			o.Duration = 0
			got = append(got, o)
		}
	})
	want := []Observation{
		{Version: "1.1", Route: "GET /queues/{queue}/messages", Status: 200, Bytes: 26},
		{Version: "1.0", Route: "", Status: 405, Bytes: 34},
		{Version: "1.1", Route: "", Status: 400, Bytes: 88},
		{Version: "", Route: "", Status: 404, Bytes: 25},
		{Version: "", Route: "GET /", Status: 300, Bytes: len(dialect.VersionsDocument())},
		{Version: "1.0", Route: "GET /queues", Status: 204, Bytes: 0},
	}
	s.do("GET", "/v1.1/queues/q/messages", "")
	s.do("POST", "/v1/queues", "")
	s.do("GET", "/v1.1/queues/q", "", noClient)
	s.do("GET", "/nowhere", "")
	s.do("GET", "/", "")
	s.do("GET", "/v1/queues", "")
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		mu.Lock()
		n := len(got)
		mu.Unlock()
		if n == len(want) {
			break
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}
