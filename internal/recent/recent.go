// Package recent remembers the last things that were noted.
package recent

import "sync"

// A Set holds the keys that were added last. Its methods are safe for concurrent use.
type Set[K comparable] struct {
	most int

	mu   sync.Mutex // guards what follows
	all  map[K]struct{}
	ring []K // the same, in turn, and some that were dropped
	next int
}

// NewSet returns a set of at most so many keys.
func NewSet[K comparable](most int) *Set[K] { return &Set[K]{most: most, all: map[K]struct{}{}} }

// Has reports whether the key is there still.
func (s *Set[K]) Has(key K) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.all[key]
	return has
}

// Add notes keys. The oldest ones make room.
func (s *Set[K]) Add(keys ...K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if _, has := s.all[key]; has {
			continue
		}
		s.all[key] = struct{}{}
		if len(s.ring) < s.most {
			s.ring = append(s.ring, key)
			continue
		}
		delete(s.all, s.ring[s.next])
		s.ring[s.next] = key
		s.next = (s.next + 1) % s.most
	}
}

// Drop forgets a key. One that is added again afterwards may be forgotten sooner than its turn comes.
func (s *Set[K]) Drop(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
}
