package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Retry says how often a call is tried, if it may be repeated and its failure may pass. The zero value tries once.
//
// Repeating is off by default: a caller has to see a failure to deal with it, a load test has to count it, and a server
// in trouble is not helped by more requests. A consumer's loop mostly comes round anyway.
//
// What may be repeated is what leaves the service the same done once or twice: all but [Queue.Post], [Queue.Claim] and
// [Queue.Pop]. Failures that may pass are [ErrUnavailable], [ErrTooManyRequests] and a [*TransportError]. A repeated
// [Queue.Create] may report a queue as old that its first try made.
type Retry struct {
	// Attempts is how often a call is tried in all. 0 or 1: once.
	Attempts int
	// Wait is how long to wait before the second attempt, more or less; each further wait is twice as long. 0: 100 ms.
	Wait time.Duration
	// MaxWait bounds a wait. A server that asks with Retry-After for a longer one is not asked again. 0: one minute.
	MaxWait time.Duration
}

const (
	firstWait   = 100 * time.Millisecond
	longestWait = time.Minute
)

// next reports whether to try once more after an error, and when.
func (r Retry) next(op Operation, attempt int, err error) (wait time.Duration, again bool) {
	if attempt >= r.Attempts || !op.repeatable() || !passing(err) {
		return 0, false
	}
	longest := r.MaxWait
	if longest <= 0 {
		longest = longestWait
	}
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter, e.RetryAfter <= longest
	}
	return jitter(r.backoff(attempt, longest)), true
}

func (r Retry) backoff(attempt int, longest time.Duration) time.Duration {
	wait := r.Wait
	if wait <= 0 {
		wait = firstWait
	}
	for range attempt - 1 {
		if wait >= longest/2 {
			return longest
		}
		wait *= 2
	}
	return min(wait, longest)
}

// jitter keeps clients that failed together from coming back together: half of the wait is left to chance.
func jitter(wait time.Duration) time.Duration {
	return wait/2 + rand.N(wait/2+1)
}

// passing reports whether an error may be gone at the next attempt.
func passing(err error) bool {
	var t *TransportError
	return errors.As(err, &t) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTooManyRequests)
}

// endsWithin reports whether a context is over, or will be before wait has passed.
func endsWithin(ctx context.Context, wait time.Duration) bool {
	deadline, has := ctx.Deadline()
	return ctx.Err() != nil || has && time.Until(deadline) < wait
}

// pause waits, or ends early with the context's error.
func pause(ctx context.Context, wait time.Duration) error {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
