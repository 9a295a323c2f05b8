package objects

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

var errClosed = errors.New("the account is closed")

// tokens keeps the token that is good now. It asks for the next one before that ends, in the background, and for one at a
// time, however many requests wait for it.
type tokens struct {
	fetch   func(context.Context) (token, error)
	now     func() time.Time
	timeout time.Duration // for a fetch
	log     *slog.Logger
	running sync.WaitGroup // the fetch in flight

	mu      sync.Mutex // guards all below
	current token
	flight  *flight
	closed  bool
}

// A flight is a fetch that goes on.
type flight struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the rest is set
	token  token
	err    error
}

// get gives a token that is good as far as one knows.
func (t *tokens) get(ctx context.Context) (token, error) {
	now := t.now()
	return t.pick(ctx, func(current token) (good, old bool) {
		good = current.expires.IsZero() || now.Before(current.expires)
		return good, !current.renew.IsZero() && !now.Before(current.renew)
	})
}

// renewed gives a token other than the one that was refused.
func (t *tokens) renewed(ctx context.Context, refused token) (token, error) {
	return t.pick(ctx, func(current token) (good, old bool) {
		return current.value != refused.value, false
	})
}

// pick gives the token that is there if it is good, and has the next one fetched if it is not, or old.
func (t *tokens) pick(ctx context.Context, judge func(token) (good, old bool)) (token, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return token{}, errClosed
	}
	current := t.current
	good, old := judge(current)
	good = good && current.value != ""
	var f *flight
	if !good || old {
		f = t.fly()
	}
	t.mu.Unlock()
	if good {
		return current, nil
	}
	return f.wait(ctx)
}

// fly begins a fetch, if none goes on. t.mu is held, and t is open.
func (t *tokens) fly() *flight {
	if t.flight != nil {
		return t.flight
	}
	// It serves whoever waits, so it doesn't end with the request that began it, but with close.
	ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
	f := &flight{cancel: cancel, done: make(chan struct{})}
	t.flight = f
	t.running.Go(func() {
		defer cancel()
		f.token, f.err = t.fetch(ctx)
		t.land(f)
	})
	return f
}

// land keeps what a flight has brought.
func (t *tokens) land(f *flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight = nil
	close(f.done)
	if f.err == nil {
		t.current = f.token
		return
	}
	if left := t.current.expires.Sub(t.now()); left > 0 {
		// Several tries are left before the old one ends.
		t.current.renew = t.now().Add(max(time.Second, left/8))
		t.log.Warn("swift token not renewed yet", "error", f.err, "expires_in", left)
	}
}

func (f *flight) wait(ctx context.Context) (token, error) {
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return token{}, ctx.Err()
	}
}

// close ends the fetch that goes on, and waits for it.
func (t *tokens) close() {
	t.mu.Lock()
	t.closed = true
	if t.flight != nil {
		t.flight.cancel()
	}
	t.mu.Unlock()
	t.running.Wait()
}
