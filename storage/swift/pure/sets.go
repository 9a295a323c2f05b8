package pure

import (
	"context"
	"fmt"
	"sync"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A keySet is a set of keys, each of which one caller has at a time.
type keySet struct {
	mu  sync.Mutex            // guards all
	all map[objects.Path]bool // and whether others have asked for it meanwhile
}

// take gives the key to the caller, unless another has it.
func (k *keySet) take(key objects.Path) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, taken := k.all[key]; taken {
		k.all[key] = true
		return false
	}
	if k.all == nil {
		k.all = map[objects.Path]bool{}
	}
	k.all[key] = false
	return true
}

// give takes the key back, and reports whether somebody was refused it.
func (k *keySet) give(key objects.Path) (isWanted bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	isWanted = k.all[key]
	delete(k.all, key)
	return isWanted
}

// Locks are locks by a key.
type locks struct {
	mu  sync.Mutex // guards all, and the counts in it
	all map[objects.Path]*lock
}

type lock struct {
	held  chan struct{} // full while somebody has the key
	users int
}

// lock waits until nobody else has the key, or its caller waits no longer, and gives what ends that.
func (l *locks) lock(ctx context.Context, key objects.Path) (unlock func(), err error) {
	one := l.enter(key)
	select {
	case one.held <- struct{}{}:
		return func() {
			<-one.held
			l.leave(key, one)
		}, nil
	case <-ctx.Done():
		l.leave(key, one)
		return nil, fmt.Errorf("wait for another call: %w", ctx.Err())
	}
}

func (l *locks) enter(key objects.Path) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[objects.Path]*lock{}
	}
	one := l.all[key]
	if one == nil {
		one = &lock{held: make(chan struct{}, 1)}
		l.all[key] = one
	}
	one.users++
	return one
}

func (l *locks) leave(key objects.Path, one *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(l.all, key)
	}
}
