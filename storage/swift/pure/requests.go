package pure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const (
	tries      = 3 // of a request that nobody knows the outcome of
	newerTries = 6 // of one that comes behind what is newer: with the pauses longer than the second within which the clocks of all proxies agree
	retryAfter = 20 * time.Millisecond

	// repairLimit is for how long a call that failed goes on to undo what it did, also if its caller has gone.
	repairLimit = 10 * time.Second
)

// put stores an object, and may say so more than once: its content type is unlike that of any other the name ever had, so that it
// can be told from what was there before. 202 means that something newer is there by Swift's clock: that may be an earlier try, but
// an older object too, or the end of one, that came through a proxy whose clock is ahead. What is then stored later is newer.
func (s *Store) put(ctx context.Context, at objects.Path, body []byte, a objects.Attributes) error {
	return repeated(ctx, func() error {
		err := s.c.Put(ctx, at, body, a)
		if errors.Is(err, objects.ErrNotStored) {
			if found, lookErr := s.c.Head(ctx, at, true); lookErr == nil && found.ContentType == a.ContentType {
				return nil
			}
		}
		return err
	})
}

// repair is a context for undoing what a call did whose own context may be over.
func repair(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), repairLimit)
}

// parallel does n things, not more than the store's bound at once, and gives the errors of those that failed, joined.
func (s *Store) parallel(n int, do func(i int) error) error {
	if n == 1 {
		return do(0)
	}
	errs := make([]error, n)
	room := make(chan struct{}, s.o.Parallel)
	var group sync.WaitGroup
	for i := range n {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			errs[i] = do(i)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// removeAll removes objects; none is no request.
func (s *Store) removeAll(ctx context.Context, paths []objects.Path) error {
	if len(paths) == 0 {
		return nil
	}
	if err := s.c.DeleteMany(ctx, paths); err != nil {
		return fmt.Errorf("delete %d objects: %w", len(paths), err)
	}
	return nil
}

func isMissing(err error) bool {
	return errors.Is(err, objects.ErrMissing) || errors.Is(err, objects.ErrContainer)
}

// areGone asks all replicas which of several objects are not there. One that can't be asked for counts as there, and the error says why.
func (s *Store) areGone(ctx context.Context, paths []objects.Path) ([]bool, error) {
	gone := make([]bool, len(paths))
	err := s.parallel(len(paths), func(i int) error {
		_, err := s.c.Head(ctx, paths[i], true)
		if gone[i] = isMissing(err); gone[i] {
			return nil
		}
		return err
	})
	return gone, err
}

// unixSeconds is the time of an X-Delete-At.
func unixSeconds(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
