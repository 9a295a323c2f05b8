// Package recent remembers the last things that were noted.
package recent

import "sync"

// A Map holds the values of the keys that were added last. Its methods are safe for concurrent use.
type Map[K comparable, V any] struct {
	most int

	mu   sync.Mutex // guards what follows
	all  map[K]V
	ring []K // the same, in turn, and some that were dropped
	next int
}

// NewMap returns a map of at most so many keys.
func NewMap[K comparable, V any](most int) *Map[K, V] { return &Map[K, V]{most: most, all: map[K]V{}} }

// Get gives a key's value, if the key is there still.
func (m *Map[K, V]) Get(key K) (value V, has bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, has = m.all[key]
	return value, has
}

// Put notes a key's value. The oldest key makes room; one that is there keeps its turn.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, has := m.all[key]
	if !has && len(m.ring) < m.most {
		m.ring = append(m.ring, key)
	} else if !has {
		delete(m.all, m.ring[m.next])
		m.ring[m.next] = key
		m.next = (m.next + 1) % m.most
	}
	m.all[key] = value
}

// Drop forgets a key. One that is added again afterwards may be forgotten sooner than its turn comes.
func (m *Map[K, V]) Drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, key)
}

// A Set holds the keys that were added last. Its methods are safe for concurrent use.
type Set[K comparable] struct{ keys *Map[K, struct{}] }

// NewSet returns a set of at most so many keys.
func NewSet[K comparable](most int) *Set[K] { return &Set[K]{NewMap[K, struct{}](most)} }

// Has reports whether the key is there still.
func (s *Set[K]) Has(key K) bool {
	_, has := s.keys.Get(key)
	return has
}

// Add notes keys. The oldest ones make room.
func (s *Set[K]) Add(keys ...K) {
	for _, key := range keys {
		s.keys.Put(key, struct{}{})
	}
}

// Drop forgets a key. One that is added again afterwards may be forgotten sooner than its turn comes.
func (s *Set[K]) Drop(key K) { s.keys.Drop(key) }
