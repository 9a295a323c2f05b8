package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// firstWord is how long a server that stops listens to connections on which nothing was heard yet: a request may be on its way.
const firstWord = 200 * time.Millisecond

// Serve answers the API on l, with TLS if the configuration has a certificate, until ctx ends; then it accepts nothing
// more, finishes what runs, for as long as the configuration allows, and returns nil. It closes l, and is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	hs := s.httpServer()
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(s.listen(l)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.broker.StopWaiting()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Marconi.ShutdownTimeout)
	defer cancel()
	defer time.AfterFunc(firstWord, s.connections.closeSilent).Stop()
	if err := hs.Shutdown(grace); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "requests were cut off", slog.Any("error", err))
		_ = hs.Close() // what still runs is cut; there is nothing left to do about it
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) httpServer() *http.Server {
	c := s.config.Marconi
	return &http.Server{
		Handler:           s.gate,
		ReadHeaderTimeout: c.HeaderTimeout,
		ReadTimeout:       c.BodyTimeout,
		WriteTimeout:      c.WriteTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeaderBytes,
		ConnContext:       withConnection,
		ConnState:         s.connections.note,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// listen puts round l what each connection goes through before there is a request.
func (s *Server) listen(l net.Listener) net.Listener {
	l = s.connections.on(l)
	if s.certificate != nil {
		l = s.certificate.on(l)
	}
	return l
}
