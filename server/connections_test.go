package server

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
)

func atMost(connections int) func(*Options) {
	return configured(func(c *config.Config) { c.Marconi.MaxConnections = connections })
}

// hold opens n connections that the server has answered once.
func (s *service) hold(n int) []*client {
	s.t.Helper()
	held := make([]*client, n)
	for i := range held {
		held[i] = s.dial()
		if a := held[i].do("GET", "/v1/health", ""); a.status != 204 {
			s.t.Fatalf("connection %d of %d: status %d", i+1, n, a.status)
		}
	}
	return held
}

// One connection too many is answered at once, and let go; room that is made is there for the next.
func TestOneConnectionTooMany(t *testing.T) {
	s := serve(t, atMost(3))
	held := s.hold(3)
	start := time.Now()
	extra := s.dial()
	a := extra.do("GET", "/v1.1/queues", "")
	wantRefusal(t, a)
	if took := time.Since(start); !a.closes || took > time.Second || !extra.closed(time.Second) {
		t.Errorf("answered after %v, the connection closes: %v", took, a.closes)
	}
	if a := held[0].do("GET", "/v1/health", ""); a.status != 204 {
		t.Errorf("a connection that was there before: status %d", a.status)
	}
	_ = held[1].Close()
	eventually(t, "a connection was given up", func() bool { return s.server.connections.open.Load() == 2 })
	s.hold(1)
	if n := s.server.refusals.counts[tooManyConnections].all.Load(); n != 1 {
		t.Errorf("%d refusals were counted, want 1", n)
	}
}

func TestOneConnectionTooManyOverTLS(t *testing.T) {
	cert, key := writeCertificate(t, "localhost")
	s := serve(t, atMost(1), configured(func(c *config.Config) { c.Marconi.TLSCert, c.Marconi.TLSKey = cert, key }))
	first := s.dialTLS()
	if a := first.do("GET", "/v1/health", ""); a.status != 204 {
		t.Fatalf("the first connection: status %d", a.status)
	}
	wantRefusal(t, s.dialTLS().do("GET", "/v1.1/queues", ""))
}

// Connections too many that say nothing are not kept for long, and beyond some not at all.
func TestManyConnectionsTooMany(t *testing.T) {
	t.Parallel()
	s := serve(t, atMost(1))
	s.hold(1)
	var silent []*client
	for range extraConnections {
		silent = append(silent, s.dial())
	}
	eventually(t, "all are there", func() bool { return s.server.connections.open.Load() == extraConnections+1 })
	if further := s.dial(); !further.closed(time.Second) {
		t.Error("a connection beyond the extra ones stays open")
	}
	for i, c := range silent {
		if !c.closed(extraTime + 2*time.Second) {
			t.Fatalf("silent connection %d stays open", i)
		}
	}
	eventually(t, "only the first is left", func() bool { return s.server.connections.open.Load() == 1 })
}

// Ten thousand connections that are idle, or as many as the test may have, are in nobody's way.
func TestIdleConnections(t *testing.T) {
	n := min(10_000, int(fileLimit()-500)/2) // both ends are here
	if n < 100 {
		t.Skipf("the process may have only %d files open", fileLimit())
	}
	if testing.Short() {
		n = min(n, 1000)
	}
	s := serve(t, atMost(n+1))
	before := memoryInUse()
	const dialers = 16
	var all sync.WaitGroup
	for d := range dialers {
		all.Go(func() {
			for i := d; i < n; i += dialers {
				if !s.holdOne() {
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	each := (memoryInUse() - before) / int64(n)
	t.Logf("%d idle connections cost %d bytes each, both ends", n, each)
	if each > 32<<10 {
		t.Errorf("an idle connection costs %d bytes", each)
	}
	start := time.Now()
	if a := s.dial().do("POST", "/v1.1/queues/q/messages", onePost); a.status != 201 || time.Since(start) > time.Second {
		t.Errorf("beside %d idle connections: status %d after %v", n, a.status, time.Since(start))
	}
	if open := s.server.connections.open.Load(); open != int64(n)+1 {
		t.Errorf("%d connections are counted, want %d", open, n+1)
	}
}

// holdOne is hold for other goroutines than the test's, with as little memory as can be.
func (s *service) holdOne() bool {
	conn, err := net.Dial("tcp", s.api)
	if err != nil {
		s.t.Error(err)
		return false
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	var answer [512]byte
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte("GET /v1/health HTTP/1.1\r\n" + usual + "\r\n")); err != nil {
		s.t.Error(err)
		return false
	}
	if n, err := conn.Read(answer[:]); err != nil || string(answer[:min(n, 12)]) != "HTTP/1.1 204" {
		s.t.Errorf("answered %q, %v", answer[:n], err)
		return false
	}
	return true
}

// memoryInUse is that of heap and stacks.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// The limit of files is one of connections, so that accepting never fails for want of them.
func TestAffordable(t *testing.T) {
	files := fileLimit()
	if files < 1000 {
		t.Skipf("the process may have %d files open", files)
	}
	var log logBuffer
	if got := affordable(t.Context(), 100, newTextLogger(&log)); got != 100 || len(log.lines()) != 0 {
		t.Errorf("of 100 connections %d can be had, and the log is %v", got, log.lines())
	}
	if got := affordable(t.Context(), int(files), newTextLogger(&log)); got != files-spareFiles || len(log.lines("open files")) != 1 {
		t.Errorf("with %d files %d connections can be had, and the log is %v", files, got, log.lines())
	}
}
