package server

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
)

// A writesListener counts what its connections are given to send.
type writesListener struct {
	net.Listener
	writes atomic.Int64
}

func (l *writesListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &writesConn{c, &l.writes}, err
}

type writesConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *writesConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// An answer goes out in one piece, and whole, whatever its size; only large ones come in several.
func TestAnswersGoOutInOnePiece(t *testing.T) {
	plain, secure := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	secure.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	for name, s := range map[string]*httptest.Server{"plain": plain, "TLS": secure} {
		t.Run(name, func(t *testing.T) {
			l := &writesListener{Listener: s.Listener}
			silent := &refusals{log: slog.New(slog.DiscardHandler)}
			all := newConnections(10, silent)
			s.Listener = all.on(l)
			s.Config.Handler = &gate{api: http.HandlerFunc(sized), maxBodyBytes: 1 << 20, log: slog.New(slog.DiscardHandler), refusals: silent}
			s.Config.ConnContext = withConnection
			if name == "TLS" {
				s.StartTLS()
			} else {
				s.Start()
			}
			defer s.Close()
			for _, size := range []int{0, 1, corkFrom - 1, corkFrom, 3900, 4096, 5000, 8192, 12_000, corkTo, corkTo + 1, 100_000, 12_000} {
				get(t, s, size) // the handshake is over
				before := l.writes.Load()
				get(t, s, size)
				if n := l.writes.Load() - before; n != 1 && corkFrom <= size && size <= corkTo {
					t.Errorf("an answer of %d bytes goes out in %d pieces", size, n)
				}
			}
		})
	}
}

func get(t *testing.T, s *httptest.Server, size int) {
	t.Helper()
	r, err := s.Client().Get(s.URL + "/?" + strconv.Itoa(size))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) != size || len(bytes.Trim(body, "x")) > 0 {
		t.Errorf("an answer of %d bytes comes with %d, %v", size, len(body), err)
	}
}
