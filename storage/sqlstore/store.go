package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/door"
	"github.com/marconi-mq/marconi/internal/wake"
	"github.com/marconi-mq/marconi/storage"
)

// A database is what the two planes share. It closes when both have been closed.
type database struct {
	engine engine
	sql    statements
	name   string           // in messages
	now    func() time.Time // the clock that judges
	meter  storage.Meter
	errs   func(error) error // says what an error of the database means

	mu   sync.Mutex // guards open
	open int        // planes
}

// leave is called once by each plane that is closed.
func (db *database) leave() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.open--
	if db.open > 0 {
		return nil
	}
	if err := db.engine.close(); err != nil {
		return fmt.Errorf("close %s: %w", db.name, err)
	}
	return nil
}

// A plane lets calls in until it is closed.
type plane struct {
	*database

	door door.Door // each call goes through it
}

// enter lets a call in; it has to leave by p.door.Leave.
func (p *plane) enter(ctx context.Context) error {
	err := p.door.Enter(ctx)
	if errors.Is(err, door.ErrShut) {
		return fmt.Errorf("%s is closed: %w", p.name, marconi.ErrUnavailable)
	}
	return err
}

// read runs a query; see [engine].
func (p *plane) read(ctx context.Context, what, query string, row func(*sql.Rows) error, args ...any) error {
	if err := p.enter(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer p.door.Leave()
	if err := p.engine.read(ctx, query, row, args...); err != nil {
		return fmt.Errorf("%s: %w", what, p.errs(err))
	}
	return nil
}

// write runs a write; see [engine]. What run leaves in variables may be read only if there is no error: after one, run
// may still be under way.
func (p *plane) write(ctx context.Context, what string, run func(*tx) error) error {
	return p.writeBytes(ctx, what, 0, run)
}

func (p *plane) writeBytes(ctx context.Context, what string, bytes int, run func(*tx) error) error {
	if err := p.enter(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer p.door.Leave()
	if err := p.engine.write(ctx, work{run: run, bytes: bytes}); err != nil {
		return fmt.Errorf("%s: %w", what, p.errs(err))
	}
	return nil
}

// Ping reports whether the database answers.
func (p *plane) Ping(ctx context.Context) error {
	return p.read(ctx, "ping", p.sql.meta, func(*sql.Rows) error { return nil }, metaControl)
}

// A dataStore is a marconi.DataStore and a marconi.Mover.
type dataStore struct {
	plane
	durable bool
	hub     *wake.Hub[marconi.QueueRef, event]

	stop  context.CancelFunc // ends the collector,
	ended chan struct{}      // which then closes this
	slow  chan struct{}      // tells it that there is something in the way of readers

	collecting chan struct{} // holds one token: whoever collects has it, for two would take the time of everybody else
}

// Close implements [marconi.DataStore].
func (d *dataStore) Close() error {
	if !d.door.Shut() {
		return nil
	}
	d.stop()
	<-d.ended
	d.hub.Close()
	return d.leave()
}

// Capabilities implements [marconi.DataStore].
func (d *dataStore) Capabilities() marconi.Capability {
	c := marconi.FIFO | marconi.Claims | marconi.AtLeastOnce
	if d.durable {
		c |= marconi.Durable
	}
	return c
}

// A controlStore is a marconi.ControlStore.
type controlStore struct {
	plane
	id string
}

// Capabilities implements [marconi.ControlStore].
func (c *controlStore) Capabilities() marconi.ControlCapability { return marconi.CompareAndSet }

// Close implements [marconi.ControlStore].
func (c *controlStore) Close() error {
	if !c.door.Shut() {
		return nil
	}
	return c.leave()
}

// ID implements [marconi.ControlStore].
func (c *controlStore) ID(ctx context.Context) (string, error) {
	if err := c.enter(ctx); err != nil {
		return "", fmt.Errorf("tell the control store's ID: %w", err)
	}
	defer c.door.Leave()
	return c.id, nil
}
