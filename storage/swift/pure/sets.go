package pure

import (
	"sync"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// recently are the messages that this process has deleted last: listings may go on to show them for a while.
type recently struct {
	mu   sync.Mutex // guards what follows
	all  map[objects.Path]struct{}
	ring []objects.Path // the same, in turn
	next int
}

// mostDeleted bounds the memory for them.
const mostDeleted = 20_000

func (d *recently) has(path objects.Path) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, has := d.all[path]
	return has
}

// add notes messages. The oldest ones make room.
func (d *recently) add(paths ...objects.Path) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[objects.Path]struct{}{}
	}
	for _, path := range paths {
		if _, has := d.all[path]; has {
			continue
		}
		d.all[path] = struct{}{}
		if len(d.ring) < mostDeleted {
			d.ring = append(d.ring, path)
			continue
		}
		delete(d.all, d.ring[d.next])
		d.ring[d.next] = path
		d.next = (d.next + 1) % mostDeleted
	}
}

// A keySet is a set of keys, each of which one caller has at a time.
type keySet struct {
	mu  sync.Mutex // guards all
	all map[objects.Path]struct{}
}

// take gives the key to the caller, unless another has it.
func (k *keySet) take(key objects.Path) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, taken := k.all[key]; taken {
		return false
	}
	if k.all == nil {
		k.all = map[objects.Path]struct{}{}
	}
	k.all[key] = struct{}{}
	return true
}

func (k *keySet) give(keys ...objects.Path) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range keys {
		delete(k.all, key)
	}
}

// Locks are locks by a key.
type locks struct {
	mu  sync.Mutex // guards all, and the counts in it
	all map[objects.Path]*lock
}

type lock struct {
	mu    sync.Mutex // held by who has the key
	users int
}

// lock waits until nobody else has the key, and gives what ends that.
func (l *locks) lock(key objects.Path) (unlock func()) {
	one := l.enter(key)
	one.mu.Lock()
	return func() {
		one.mu.Unlock()
		l.leave(key, one)
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
		one = &lock{}
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
