package memory

import (
	"sync"
	"time"

	"github.com/marconi-mq/marconi/storage"
)

// A turnedClock stands still unless it is turned.
type turnedClock struct {
	mu sync.Mutex
	t  time.Time // guarded by mu
}

func (c *turnedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *turnedClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func turnedStore(t interface{ Cleanup(func()) }) (*dataStore, *turnedClock) {
	c := &turnedClock{t: time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC)}
	d := newDataStore(storage.Options{Now: c.now}.WithDefaults(), nil)
	t.Cleanup(func() { d.Close() })
	return d, c
}
