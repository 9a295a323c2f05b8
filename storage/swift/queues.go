package swift

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// at is a queue's object.
func (c *controlStore) at(key marconi.QueueKey) objects.Path {
	return objects.Path{Container: c.container, Name: queuesOf(key.Project) + string(key.Name)}
}

// read asks all replicas for a queue, or gives ErrNoQueue.
func (c *controlStore) read(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	deletions := c.deletions.Load()
	o, err := c.get(ctx, c.at(key))
	if errors.Is(err, objects.ErrMissing) {
		return marconi.Queue{}, marconi.ErrNoQueue
	}
	if err != nil {
		return marconi.Queue{}, err
	}
	q, err := decodeQueue(key, o.Body)
	if err == nil && c.deletions.Load() == deletions { // or it may have been read before it was deleted
		c.deleted.Drop(q.QueueRef) // it has come back, if it was there
	}
	return q, err
}

// find is read, but for what the container's listing shows: that is hidden rather than missing.
func (c *controlStore) find(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	q, err := c.read(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return c.listedOne(ctx, key, readLooks)
	}
	return q, err
}

func (c *controlStore) write(ctx context.Context, q marconi.Queue, options ...objects.PutOption) error {
	body, contentType, err := encodeQueue(q)
	if err != nil {
		return err
	}
	return c.put(ctx, c.at(q.QueueKey), body, contentType, options...)
}

// Queue implements [marconi.QueueStore].
func (c *controlStore) Queue(ctx context.Context, key marconi.QueueKey) (q marconi.Queue, err error) {
	err = c.within(ctx, "get a queue", func() error {
		q, err = c.find(ctx, key)
		return err
	})
	return q, err
}

// CreateQueue implements [marconi.QueueStore].
func (c *controlStore) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (q marconi.Queue, created bool, err error) {
	q = marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: key, Incarnation: newIncarnation()}, Metadata: orEmpty(m)}
	err = c.changing(ctx, "create a queue", key, func() error {
		q, created, err = c.create(ctx, q)
		return err
	})
	return q, created, err
}

// AdoptQueue implements [marconi.QueueStore].
func (c *controlStore) AdoptQueue(ctx context.Context, q marconi.QueueRef) (adopted bool, err error) {
	err = c.changing(ctx, "adopt a queue", q.QueueKey, func() error {
		_, adopted, err = c.create(ctx, marconi.Queue{QueueRef: q, Metadata: orEmpty(nil)})
		return err
	})
	return adopted, err
}

// changing is within, in the queue's turn.
func (c *controlStore) changing(ctx context.Context, doing string, key marconi.QueueKey, call func() error) error {
	return c.within(ctx, doing, func() error {
		done, err := c.turns.take(ctx, key)
		if err != nil {
			return err
		}
		defer done()
		return call()
	})
}

// A queue that is there for a PUT and not for the GET behind it is being deleted, as far as some replicas know; and what came through a
// proxy whose clock is ahead is newer than what comes through another. The next try is likely to find them of one mind.
const (
	tries      = 7 // with the pauses between them longer than the second within which the clocks of all servers agree
	makeLooks  = 5 // for what is listed, before it is made anew
	readLooks  = 2 // when it is asked for: it may be a queue that another server has deleted a moment ago
	firstPause = 20 * time.Millisecond
)

var errOfTwoMinds = errors.New("the replicas of Swift, or the clocks of its proxies, differ about the queue")

// again calls until it is not of two minds.
func again(ctx context.Context, call func() error) error {
	err := call()
	for try := 1; try < tries && errors.Is(err, errOfTwoMinds); try++ {
		if err := pause.For(ctx, firstPause<<(try-1)); err != nil {
			return err
		}
		err = call()
	}
	return err
}

// create makes a queue, unless there is one, and reads back which one is stored.
func (c *controlStore) create(ctx context.Context, q marconi.Queue) (stored marconi.Queue, created bool, err error) {
	err = again(ctx, func() error {
		stored, created, err = c.tryToCreate(ctx, q)
		return err
	})
	return stored, created, err
}

func (c *controlStore) tryToCreate(ctx context.Context, q marconi.Queue) (stored marconi.Queue, created bool, err error) {
	if stored, err := c.listedOne(ctx, q.QueueKey, makeLooks); !errors.Is(err, marconi.ErrNoQueue) {
		return stored, false, err
	}
	putErr := c.write(ctx, q, objects.Anew)
	stored, err = c.read(ctx, q.QueueKey)
	there := errors.Is(putErr, objects.ErrExists)
	switch {
	case err == nil:
		// What is stored counts, not the answer to the PUT: that may have been lost, and so may the race with another process.
		return stored, !there && stored.Incarnation == q.Incarnation, nil
	case !errors.Is(err, marconi.ErrNoQueue):
		return marconi.Queue{}, false, err
	case putErr == nil: // and deleted since, by another process
		return q, true, nil
	case there || errors.Is(putErr, objects.ErrNotStored):
		return marconi.Queue{}, false, errOfTwoMinds
	}
	return marconi.Queue{}, false, putErr
}

// listedOne reads a queue that the container's listing shows, or gives ErrNoQueue. One that is listed and can't be read is hidden.
func (c *controlStore) listedOne(ctx context.Context, key marconi.QueueKey, looks int) (marconi.Queue, error) {
	n, err := c.listedAs(ctx, key)
	if err != nil {
		return marconi.Queue{}, err
	}
	if n == 0 {
		return marconi.Queue{}, marconi.ErrNoQueue
	}
	for look := range looks {
		if look > 0 {
			if err := pause.For(ctx, firstPause<<(look-1)); err != nil {
				return marconi.Queue{}, err
			}
		}
		q, err := c.read(ctx, key)
		if !errors.Is(err, marconi.ErrNoQueue) {
			return q, err
		}
	}
	return marconi.Queue{}, errHidden
}

// listedAs is the incarnation that the container's listing shows of a queue; 0: none, or one that this process has deleted, which a
// listing may go on to show.
func (c *controlStore) listedAs(ctx context.Context, key marconi.QueueKey) (marconi.Incarnation, error) {
	e, listed, err := c.entry(ctx, c.at(key).Name)
	if err != nil || !listed {
		return 0, err
	}
	n, err := listedIncarnation(e.ContentType)
	if err != nil || c.deleted.Has(marconi.QueueRef{QueueKey: key, Incarnation: n}) {
		return 0, err
	}
	return n, nil
}

// SetMetadata implements [marconi.QueueStore].
func (c *controlStore) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	return c.changing(ctx, "set metadata", key, func() error {
		return again(ctx, func() error { return c.tryToSet(ctx, key, orEmpty(m)) })
	})
}

// tryToSet is of two minds if what was there before is newer than what comes behind it.
func (c *controlStore) tryToSet(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	before, err := c.find(ctx, key)
	if err != nil {
		return err
	}
	err = c.write(ctx, marconi.Queue{QueueRef: before.QueueRef, Metadata: m})
	if !errors.Is(err, objects.ErrNotStored) {
		return err
	}
	stored, err := c.find(ctx, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(stored.Metadata, m) && isSame(stored, before) {
		return errOfTwoMinds
	}
	return nil // it is stored nevertheless, or another's is newer, as if that had come behind this one
}

func isSame(a, b marconi.Queue) bool {
	return a.QueueRef == b.QueueRef && bytes.Equal(a.Metadata, b.Metadata)
}

// DeleteQueue implements [marconi.QueueStore].
func (c *controlStore) DeleteQueue(ctx context.Context, key marconi.QueueKey) (ref marconi.QueueRef, err error) {
	err = c.changing(ctx, "delete a queue", key, func() error {
		return again(ctx, func() error {
			ref, err = c.deleteFound(ctx, key)
			return err
		})
	})
	if err != nil {
		return marconi.QueueRef{}, err
	}
	return ref, nil
}

// mostDeletes is how often a deletion is tried that has no answer.
const mostDeletes = 3

// deleteFound deletes the queue that it finds, and tries again without an answer; but never another that has been made meanwhile.
func (c *controlStore) deleteFound(ctx context.Context, key marconi.QueueKey) (marconi.QueueRef, error) {
	var tried marconi.QueueRef
	for try := 1; ; try++ {
		ref, err := c.tryToDelete(ctx, key, tried)
		if err == nil || ref.Incarnation == 0 || isNewer(err) || try == mostDeletes || pause.For(ctx, firstPause<<try) != nil {
			return ref, err
		}
		tried = ref
	}
}

// tryToDelete gives the queue that it has tried to delete, also with an error. It is of two minds if the queue is newer than its end. One
// that has gone, and was to be deleted before without an answer, was deleted then: its data waits to be dropped. So it was if another
// queue is there than the one that this call has tried before.
func (c *controlStore) tryToDelete(ctx context.Context, key marconi.QueueKey, tried marconi.QueueRef) (marconi.QueueRef, error) {
	q, err := c.find(ctx, key) // what is only out of reach would come back
	n, begun := c.deleting.Get(key)
	switch {
	case begun && errors.Is(err, marconi.ErrNoQueue):
		return c.hasGone(marconi.QueueRef{QueueKey: key, Incarnation: n}), nil
	case err != nil:
		return marconi.QueueRef{}, err
	case tried.Incarnation != 0 && q.Incarnation != tried.Incarnation:
		return c.hasGone(tried), nil
	}
	if err := c.client.Delete(ctx, c.at(key)); err != nil {
		c.deleting.Put(key, q.Incarnation)
		if isNewer(err) {
			err = fmt.Errorf("%w: %w", errOfTwoMinds, err)
		}
		return q.QueueRef, err
	}
	return c.hasGone(q.QueueRef), nil
}

func (c *controlStore) hasGone(q marconi.QueueRef) marconi.QueueRef {
	c.deleting.Drop(q.QueueKey)
	c.deletions.Add(1)
	c.deleted.Add(q)
	return q
}

// isNewer tells that what was to be deleted is newer than the request, by the clock of the proxy that took it.
func isNewer(err error) bool {
	var s *objects.StatusError
	return errors.As(err, &s) && s.Status == http.StatusConflict
}

// ListQueues implements [marconi.QueueStore].
func (c *controlStore) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (page marconi.Page[marconi.Queue], err error) {
	err = c.within(ctx, "list queues", func() error {
		page, err = c.list(ctx, p, l)
		return err
	})
	return page, err
}

// list goes on until the page is full: what has gone since the listing was written leaves gaps.
func (c *controlStore) list(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	var page marconi.Page[marconi.Queue]
	stem := queuesOf(p)
	from := objects.Listing{Prefix: stem}
	if l.Marker != "" {
		from.Marker = stem + markerOf(l.Marker)
	}
	for len(page.Items) < l.Limit {
		from.Limit = min(l.Limit-len(page.Items), cmp.Or(c.client.Abilities().Page, 10_000))
		entries, err := c.listing(ctx, from)
		if err != nil {
			return marconi.Page[marconi.Queue]{}, err
		}
		if len(entries) == 0 {
			break
		}
		queues, err := c.listed(ctx, p, entries, l.Detailed)
		if err != nil {
			return marconi.Page[marconi.Queue]{}, err
		}
		page.Items = append(page.Items, queues...)
		if len(entries) < from.Limit {
			break
		}
		from.Marker = entries[len(entries)-1].Name
	}
	if n := len(page.Items); n > 0 {
		page.Next = marconi.Marker(page.Items[n-1].Name)
	}
	return page, nil
}

// listed are the queues of a listing: as they are, or as it shows them, but for those that this process has deleted.
func (c *controlStore) listed(ctx context.Context, p marconi.Project, entries []objects.Entry, detailed bool) ([]marconi.Queue, error) {
	if detailed {
		return c.readAll(ctx, p, entries)
	}
	queues := make([]marconi.Queue, 0, len(entries))
	for _, e := range entries {
		n, err := listedIncarnation(e.ContentType)
		if err != nil {
			return nil, err
		}
		if ref := (marconi.QueueRef{QueueKey: keyOf(p, e), Incarnation: n}); !c.deleted.Has(ref) {
			queues = append(queues, marconi.Queue{QueueRef: ref})
		}
	}
	return queues, nil
}

func keyOf(p marconi.Project, e objects.Entry) marconi.QueueKey {
	return marconi.QueueKey{Project: p, Name: marconi.QueueName(e.Name[strings.LastIndexByte(e.Name, '/')+1:])}
}

// readers are how many queues are read at once for a page.
const readers = 10

// readAll reads queues in parallel, and leaves out those that have gone.
func (c *controlStore) readAll(ctx context.Context, p marconi.Project, entries []objects.Entry) ([]marconi.Queue, error) {
	queues, errs := make([]marconi.Queue, len(entries)), make([]error, len(entries))
	places := make(chan int)
	var work sync.WaitGroup
	for range min(readers, len(entries)) {
		work.Go(func() {
			for i := range places {
				queues[i], errs[i] = c.read(ctx, keyOf(p, entries[i]))
			}
		})
	}
	for i := range entries {
		places <- i
	}
	close(places)
	work.Wait()

	there := queues[:0]
	for i, q := range queues {
		switch err := errs[i]; {
		case err == nil:
			there = append(there, q)
		case !errors.Is(err, marconi.ErrNoQueue):
			return nil, err
		}
	}
	return there, nil
}
