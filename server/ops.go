package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/marconi-mq/marconi/server/metrics"
)

const (
	opsHeaderTimeout = 10 * time.Second
	opsWriteTimeout  = 10 * time.Minute // a profile takes as long as was asked for
)

// ServeOps answers operators on l until ctx ends: figures, whether the process and the service are well, profiles. The
// configuration has to name an address for it. It closes l, and is called once. It is to end after [Server.Serve], so
// that operators see how the server stops.
func (s *Server) ServeOps(ctx context.Context, l net.Listener) error {
	if s.metrics == nil {
		return errors.Join(errors.New("serve operators: [marconi] ops_listen is not set"), l.Close())
	}
	hs := &http.Server{
		Handler:           s.ops(),
		ReadHeaderTimeout: opsHeaderTimeout,
		ReadTimeout:       opsHeaderTimeout,
		WriteTimeout:      opsWriteTimeout,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(fewOn(l)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve operators on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	_ = hs.Close() // a scrape that is cut is made again
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve operators on %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) ops() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// ready says whether clients should be sent here.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.stopping.Load():
		say(w, http.StatusServiceUnavailable, "the server is stopping")
	case s.broker.Ping(r.Context()) != nil:
		say(w, http.StatusServiceUnavailable, "a store does not answer")
	default:
		say(w, http.StatusOK, "ok")
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// readings are the numbers that a scrape reads. The observer and the broker are made after them.
func (s *Server) readings() metrics.Readings {
	r := metrics.Readings{
		Connections:  metrics.Level{Now: s.connections.open.Load, Most: s.connections.most},
		BodyBytes:    metrics.Level{Now: s.gate.bodyBytes.Load, Most: s.gate.maxBodyBytes},
		StoreCalls:   metrics.Level{Now: func() int64 { return int64(s.observer.Calls()) }, Most: int64(s.config.Marconi.MaxRequests)},
		Running:      s.running,
		Waiting:      s.waiting,
		Refused:      s.refusals.readings(),
		SlowRequests: s.gate.slow.Load,
	}
	if s.certificate != nil {
		r.CertificateEnds = s.certificate.ends
	}
	return r
}

// running is how many requests are under way and do not wait for messages.
func (s *Server) running() int64 {
	waiting := s.waiting()
	return max(s.gate.requests.Load()-waiting, 0) // some may have ended between the two readings
}

func (s *Server) waiting() int64 { return s.broker.Waiting() }
