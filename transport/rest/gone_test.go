package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// A thoughtfulStore takes its time for a post, and looks then whether anybody still wants it.
type thoughtfulStore struct{ marconi.DataStore }

func (s thoughtfulStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(100 * time.Millisecond):
	}
	return s.DataStore.Post(ctx, q, p)
}

// A client that has sent all and closed its half of the connection reads its answer.
func TestHalfClosedConnection(t *testing.T) {
	s := serve(t, func(_ *Config, b *broker.Config) { b.Data = thoughtfulStore{b.Data} })
	const body = `{"messages": [{"body": 1}]}`
	conn := s.dial()
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1.1/queues/q/messages HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\nContent-Length: %d\r\n\r\n%s", testClient, len(body), body)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := readAnswer(t, "POST", bufio.NewReader(conn)); a.status != 201 {
		t.Errorf("status %d with %s", a.status, a.body)
	}
}

// Who waits for messages and goes away is nobody's trouble: no answer is made up for it, and it doesn't count as ours.
func TestGoneWhileWaiting(t *testing.T) {
	observed := make(chan Observation, 10)
	s := serve(t, func(c *Config, _ *broker.Config) { c.Observe = func(o Observation) { observed <- o } })
	for _, line := range []string{"POST /v1.1/queues/q/claims?wait=20", "DELETE /v1.1/queues/q/messages?pop=1&wait=20", "GET /v1/queues/q/messages?wait=20"} {
		conn := s.dial()
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\n\r\n", line, testClient)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(conn); err != nil || len(text) > 0 {
			t.Errorf("%s: %q, %v; want the end of the connection", line, text, err)
		}
		conn.Close()
		if o := <-observed; o.Status != statusGone || o.Duration > 15*time.Second {
			t.Errorf("%s: observed as %+v", line, o)
		}
	}
}

// Who waits behind a body that nobody reads is missed as soon as others, and takes nothing that is posted afterwards.
func TestGoneBehindABody(t *testing.T) {
	const pop, claim = "DELETE /v1.1/queues/q/messages?pop=1&wait=20", "POST /v1.1/queues/q/claims?wait=20"
	for name, tt := range map[string]struct{ line, rest string }{
		"a pop's body":               {pop, "Content-Length: 2\r\n\r\n{}"},
		"a pop's body, cut off":      {pop, "Content-Length: 2\r\n\r\n{"},
		"a pop's body, never sent":   {pop, "Content-Length: 2\r\n\r\n"},
		"a pop's body, asked for":    {pop, "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"},
		"a pop's body in chunks":     {pop, "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
		"a claim's body in chunks":   {claim, "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
		"a claim's body, cut off":    {claim, "Transfer-Encoding: chunked\r\n\r\n2\r\n{"},
		"a claim's body, never sent": {claim, "Content-Length: 2\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			observed := make(chan Observation, 10)
			s := serve(t, func(c *Config, _ *broker.Config) { c.Observe = func(o Observation) { observed <- o } })
			conn := s.dial()
			fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\n%s", tt.line, testClient, tt.rest)
			time.Sleep(50 * time.Millisecond) // so that it may have begun to wait
			if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
				t.Fatal(err)
			}
			select {
			case o := <-observed:
				if o.Status != statusGone && o.Status != 400 {
					t.Errorf("observed as %+v", o)
				}
			case <-time.After(5 * time.Second):
				t.Error("it waits although its client has gone")
			}
			s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}]}`)
			if a := s.want(200, "GET", "/v1.1/queues/q/stats", ""); !strings.Contains(a.body, `"free":1`) {
				t.Errorf("a message was taken for nobody: %s", a.body)
			}
		})
	}
}

// A body that nobody wants is waited for no longer than allowed. Only one who would wait for messages needs it: behind it the
// client's end is seen.
func TestUnwantedBodyThatNeverComes(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.DrainTime = 100 * time.Millisecond })
	for _, tt := range []struct {
		line, length string
		status       int
	}{
		{"POST /v1/nowhere", "Content-Length: 1000", 404},
		{"POST /v1.1/queues/q/messages", "Transfer-Encoding: chunked", 400},
		{"GET /v1.1/queues", "Content-Length: 1000", 200},
		{"GET /v1/queues/q/messages?wait=1", "Content-Length: 1000", 400},
		{"DELETE /v1.1/queues/q/messages?pop=1&wait=20", "Content-Length: 1000", 400},
		{"DELETE /v1.1/queues/q/messages?pop=1&wait=20", "Content-Length: 20000000", 200},
	} {
		start := time.Now()
		a := s.exchange("GET", fmt.Sprintf("%s HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\n%s\r\n\r\n", tt.line, testClient, tt.length))
		if took := time.Since(start); a.status != tt.status || took > 10*time.Second {
			t.Errorf("%s: status %d after %v, want %d", tt.line, a.status, took, tt.status)
		}
	}
}
