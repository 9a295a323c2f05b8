package server

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
)

// Each time-out cuts a client by itself: the others are too long to do it instead.
func TestEachTimeoutCuts(t *testing.T) {
	const short, long = 200 * time.Millisecond, time.Minute
	for name, test := range map[string]struct {
		set func(*config.Marconi)
		use func(*client)
	}{
		"header": {
			func(c *config.Marconi) { c.HeaderTimeout = short },
			func(c *client) { c.send("GET /v1/health HTTP/1.1\r\nHost: x\r\n") },
		},
		"body": {
			func(c *config.Marconi) { c.BodyTimeout = short },
			func(c *client) { c.begin("POST", messages, 100) },
		},
		"write": {
			func(c *config.Marconi) { c.WriteTimeout = short },
			func(c *client) { c.begin("GET", messages+"?echo=true&limit=20", 0) }, // and it reads nothing of 5 MB
		},
		"idle": {
			func(c *config.Marconi) { c.IdleTimeout = short },
			func(c *client) { c.do("GET", "/v1/health", "") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, configured(func(c *config.Config) {
				m := &c.Marconi
				m.HeaderTimeout, m.BodyTimeout, m.WriteTimeout, m.IdleTimeout = long, long, long, long
				test.set(m)
			}))
			if name == "write" {
				s.fill()
			}
			start := time.Now()
			c := s.dialNarrow()
			eventually(t, "it is connected", func() bool { return s.server.connections.open.Load() == 1 })
			test.use(c)
			eventually(t, "the connection is cut", func() bool { return s.server.connections.open.Load() == 0 })
			if took := time.Since(start); took < short/2 {
				t.Errorf("it was cut after %v, want %v", took, short)
			}
		})
	}
}

// fill posts more than the buffers of a socket hold, and lets the connection go.
func (s *service) fill() {
	s.t.Helper()
	c := s.dial()
	body := `{"messages": [{"body": "` + strings.Repeat("x", 250_000) + `"}]}`
	for range 20 {
		if a := c.do("POST", messages, body); a.status != 201 {
			s.t.Fatalf("status %d, %s", a.status, a.body)
		}
	}
	_ = c.Close()
	eventually(s.t, "the connection is closed", func() bool { return s.server.connections.open.Load() == 0 })
}

// dialNarrow connects with next to no room for what comes back.
func (s *service) dialNarrow() *client {
	s.t.Helper()
	c := s.dial()
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// Who waits for messages waits longer than the time-outs allow to others.
func TestAWaitOutlastsTheTimeouts(t *testing.T) {
	for name, set := range map[string]func(*config.Marconi){
		"body":  func(c *config.Marconi) { c.BodyTimeout = 200 * time.Millisecond },
		"write": func(c *config.Marconi) { c.WriteTimeout = 200 * time.Millisecond },
		"idle":  func(c *config.Marconi) { c.IdleTimeout = 200 * time.Millisecond },
	} {
		for _, request := range [][3]string{
			{"GET", messages + "?wait=1", ""}, {"POST", "/v1.1/queues/q/claims?wait=1", ""}, {"POST", "/v1.1/queues/q/claims?wait=1", `{"ttl": 60}`},
			{"DELETE", messages + "?pop=1&wait=1", ""}, {"DELETE", messages + "?pop=1&wait=1", "a body that nobody reads"},
		} {
			t.Run(name+" "+request[0]+" "+request[2], func(t *testing.T) {
				t.Parallel()
				s := serve(t, configured(func(c *config.Config) { set(&c.Marconi) }))
				c := s.dial()
				start := time.Now()
				c.begin(request[0], request[1], len(request[2]))
				c.send(request[2])
				a, err := c.read()
				if took := time.Since(start); err != nil || a.status/100 != 2 || took < time.Second || took > 10*time.Second {
					t.Errorf("status %d, %v, after %v; want an answer when the wait is over", a.status, err, took)
				}
			})
		}
	}
}
