// Package logstore is an example of a driver kept in a repository of its own: the store in memory, made durable by a log
// of every change.
//
//	log:///var/lib/queues.log
//
// Each change is carried out in memory, appended to the log as a line of JSON and synced, in that order and one at a time. Opening
// the store carries out the lines again, each at the time it was made. The log only grows.
//
// What it promises is what memory promises, and that what was confirmed survives. A log that can't be written to any more
// ends the store: every later call is Unavailable.
package logstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// A store is both planes and their log.
type store struct {
	clock   *clock
	data    marconi.DataStore
	control marconi.ControlStore

	mu     sync.Mutex // guards what follows, and puts changes in one order
	log    *log
	id     string                              // of the control store
	leases map[marconi.ClaimID]marconi.ClaimID // of dead letters: those in the log by those in memory now
	broken error
	open   int // planes not closed yet
}

// Open opens the log at the URI's path, or begins one, and carries out what is in it.
func Open(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
	path, err := parse(uri)
	if err != nil {
		return storage.Opened{}, err
	}
	o = o.WithDefaults()
	if o.Namespace != "" {
		path += "." + o.Namespace
	}
	s := &store{clock: &clock{live: o.Now}, leases: map[marconi.ClaimID]marconi.ClaimID{}, open: 2}
	o.Now = s.clock.now
	inner, err := memory.Open(ctx, "memory://", o)
	if err != nil {
		return storage.Opened{}, err
	}
	s.data, s.control = inner.Data, inner.Control
	if s.log, err = openLog(path, func(r record) error { return s.replay(ctx, r) }); err != nil {
		return storage.Opened{}, errors.Join(fmt.Errorf("open %s: %w", path, err), s.data.Close(), s.control.Close())
	}
	if s.id == "" {
		if err := s.begin(ctx); err != nil {
			return storage.Opened{}, errors.Join(fmt.Errorf("begin %s: %w", path, err), s.close(), s.close())
		}
	}
	return storage.Opened{Data: &data{s.data, s}, Control: &control{s.control, s}}, nil
}

func parse(uri string) (path string, err error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "log" || u.Host != "" || u.Path == "" || u.RawQuery != "" {
		return "", errors.New("a log is named by its path: log:///var/lib/queues.log")
	}
	return u.Path, nil
}

// begin gives a new log its identity.
func (s *store) begin(ctx context.Context) error {
	id, err := s.control.ID(ctx)
	if err != nil {
		return err
	}
	return s.change(record{Op: opBegin, ID: id}, func(*record) error {
		s.id = id
		return nil
	})
}

// change carries out a change and writes it down. do may add to the record what repeating it needs. What memory refuses
// is not written: it has changed nothing.
func (s *store) change(r record, do func(r *record) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return fmt.Errorf("%w: %w", marconi.ErrUnavailable, s.broken)
	}
	r.At = s.clock.stop()
	defer s.clock.run()
	if err := do(&r); err != nil {
		return err
	}
	if s.broken = s.log.append(r); s.broken != nil {
		return fmt.Errorf("%w: %w", marconi.ErrUnavailable, s.broken)
	}
	return nil
}

// close ends the store when both planes are closed.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open--; s.open > 0 {
		return nil
	}
	s.broken = errors.New("the store is closed")
	return s.log.close()
}

// A clock stands still while a change is made, so that the log has the very time that memory saw.
type clock struct {
	live    func() time.Time
	stopped atomic.Int64 // milliseconds; 0: it runs
}

func (c *clock) now() time.Time {
	if at := c.stopped.Load(); at != 0 {
		return time.UnixMilli(at)
	}
	return c.live()
}

func (c *clock) stop() (at int64) {
	at = c.live().UnixMilli()
	c.stopped.Store(at)
	return at
}

func (c *clock) run() { c.stopped.Store(0) }
