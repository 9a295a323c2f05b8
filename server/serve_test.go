package server

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
)

const waitingClaim = "POST /v1/queues/q/claims?wait=20 HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n{\"ttl\": 60, \"grace\": 60}"

// open begins a request that the server can't finish by itself.
func (s *service) open(request string) net.Conn {
	s.t.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", s.api)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, request); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // until it is under way
	return conn
}

// ends stops the server and gives how long that took.
func (s *service) ends() time.Duration {
	s.t.Helper()
	start := time.Now()
	s.stop()
	select {
	case err := <-s.stopped:
		s.stopped <- err
	case <-time.After(15 * time.Second):
		s.t.Fatal("the server does not stop")
	}
	return time.Since(start)
}

func TestStopAnswersThoseWhoWait(t *testing.T) {
	s := serve(t)
	conn := s.open(waitingClaim)
	if took := s.ends(); took > 5*time.Second {
		t.Errorf("the stop took %s, with a claim that waits for 20 s", took)
	}
	answer := make([]byte, 12)
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != "HTTP/1.1 204" {
		t.Errorf("the one who waited was answered %q, %v", answer[:n], err)
	}
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	s := serve(t, configured(func(c *config.Config) { c.Marconi.ShutdownTimeout = 300 * time.Millisecond }))
	s.open("POST /v1/queues/q/messages HTTP/1.1\r\nHost: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nContent-Length: 9\r\n\r\n[")
	if took := s.ends(); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("the stop took %s, with a shutdown_timeout of 300 ms", took)
	}
}

// Clients make connections in advance. Nobody waits for the first word on one of them.
func TestStopDoesNotWaitForTheSilent(t *testing.T) {
	s := serve(t)
	s.open("")
	spoken := s.open("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, err := spoken.Read(make([]byte, 12)); n != 12 || err != nil {
		t.Fatalf("%d bytes of an answer, %v", n, err)
	}
	if took := s.ends(); took > 3*time.Second {
		t.Errorf("the stop took %s", took)
	}
}
