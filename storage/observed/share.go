package observed

import (
	"context"
	"sync"
	"time"
)

// A Share is what the stores had of a request. The zero value is an empty one, ready to use; its methods are safe for
// concurrent use.
type Share struct {
	mu sync.Mutex // guards part
	part
}

// A part is what a [Share] says.
type part struct {
	time    time.Duration
	calls   int
	slowest Operation
	longest time.Duration
}

type shareKey struct{}

// WithShare puts s into a context: calls with it add their time to s.
func WithShare(ctx context.Context, s *Share) context.Context {
	return context.WithValue(ctx, shareKey{}, s)
}

func shareOf(ctx context.Context) *Share {
	s, _ := ctx.Value(shareKey{}).(*Share)
	return s
}

func (s *Share) add(op Operation, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.time += took
	s.calls++
	if took >= s.longest {
		s.slowest, s.longest = op, took
	}
}

// Reset makes s an empty one, for the next request.
func (s *Share) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = part{}
}

// Time is how long the calls took together, and how many they were.
func (s *Share) Time() (took time.Duration, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time, s.calls
}

// Slowest is the call that took longest, and its time; there must have been one.
func (s *Share) Slowest() (op Operation, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slowest, s.longest
}
