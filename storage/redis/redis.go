package redis

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/door"
	"github.com/marconi-mq/marconi/storage"
)

// Open opens both planes of the store at uri; see the package for its form, and [storage.Driver]. What happens when is judged by the
// server's clock, unless o.Now is one that is not the machine's: then a test turns it, and the server is told the time with each call.
func Open(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
	s, err := parseURI(uri)
	if err != nil {
		return storage.Opened{}, fmt.Errorf("open a store in Redis: %w", err)
	}
	return open(ctx, s, o.WithDefaults())
}

func open(ctx context.Context, s settings, o storage.Options) (storage.Opened, error) {
	c, err := openClient(ctx, s, o.Logger, o.Meter)
	if err != nil {
		return storage.Opened{}, notYet(err)
	}
	b := &base{client: c, scripts: newScripts(), keys: newKeyspace(s.prefix, o.Namespace), now: o.Now, turned: isTurned(o.Now), open: 2}
	if err := c.load(ctx, b.scripts.all()...); err != nil {
		c.close()
		return storage.Opened{}, notYet(fmt.Errorf("open %s: %w", s.redacted(), err))
	}
	return storage.Opened{Data: newDataStore(ctx, b), Control: &controlStore{plane: plane{base: b}}}, nil
}

// isTurned reports whether a clock is another than the machine's.
func isTurned(now func() time.Time) bool {
	return reflect.ValueOf(now).Pointer() != reflect.ValueOf(time.Now).Pointer()
}

// A base is what the two planes share. It closes when both have been closed.
type base struct {
	client  *client
	scripts *scripts
	keys    keyspace
	now     func() time.Time
	turned  bool // now is a test's clock

	mu   sync.Mutex // guards open
	open int        // planes
}

// leave is called once by each plane that is closed.
func (b *base) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	if b.open == 0 {
		b.client.close()
	}
}

// time is the first argument of scripts that judge by it: nothing, or a test's time.
func (b *base) time() string {
	if !b.turned {
		return ""
	}
	return strconv.FormatInt(b.now().UnixMilli(), 10)
}

// A plane lets calls in until it is closed.
type plane struct {
	*base

	door door.Door // each call goes through it
}

// enter lets a call in; it has to leave by p.door.Leave.
func (p *plane) enter(ctx context.Context) error {
	err := p.door.Enter(ctx)
	if errors.Is(err, door.ErrShut) {
		return fmt.Errorf("%w: %w", marconi.ErrUnavailable, errClosed)
	}
	return err
}

// Ping reports whether a server answers.
func (p *plane) Ping(ctx context.Context) error {
	if err := p.enter(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	defer p.door.Leave()
	_, err := p.client.run(ctx, p.scripts.ping, p.keys.binding(), nil)
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}
