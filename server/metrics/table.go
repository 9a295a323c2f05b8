package metrics

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A table finds what was made for a key, or makes it. Finding takes no lock and no memory: there are few keys, and each is
// made once. The zero value is an empty table.
type table[K comparable, V any] struct {
	known atomic.Pointer[map[K]V]
	mu    sync.Mutex // held while one is made
}

func (t *table[K, V]) get(key K, create func(K) V) V {
	if known := t.known.Load(); known != nil {
		if v, found := (*known)[key]; found {
			return v
		}
	}
	return t.add(key, create)
}

func (t *table[K, V]) add(key K, create func(K) V) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[K]V{}
	if known := t.known.Load(); known != nil {
		if v, found := (*known)[key]; found {
			return v
		}
		all = maps.Clone(*known)
	}
	v := create(key)
	all[key] = v
	t.known.Store(&all)
	return v
}

// A lazy is made when it is first asked for.
type lazy struct {
	made atomic.Pointer[prometheus.Observer]
}

// get may make it twice; both are the same series.
func (l *lazy) get(create func() prometheus.Observer) prometheus.Observer {
	if made := l.made.Load(); made != nil {
		return *made
	}
	o := create()
	l.made.Store(&o)
	return o
}
