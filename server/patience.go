package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/marconi-mq/marconi/storage"
)

// tryEvery is how long a store that isn't there yet is left alone.
const tryEvery = time.Second

// openPatiently opens the stores. For one that isn't there yet it tries again for as long as o.Patience: after a restart of the
// machine nobody knows which comes first, the store or this server.
func (s *Server) openPatiently(ctx context.Context, o Options, so storage.Options) (storage.Planes, error) {
	end := time.Now().Add(o.Patience)
	for told := false; ; told = true {
		opened, err := s.stores.OpenPlanes(ctx, o.DataURI, o.ControlURI, so)
		if !errors.Is(err, storage.ErrNotYet) || time.Until(end) <= 0 {
			return opened, err
		}
		if !told {
			s.log.LogAttrs(ctx, slog.LevelWarn, "waiting for a store", slog.Any("error", err), slog.Duration("at_most", o.Patience))
		}
		select {
		case <-ctx.Done():
			return storage.Planes{}, fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(min(tryEvery, time.Until(end))):
		}
	}
}
