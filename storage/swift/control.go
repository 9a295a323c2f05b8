package swift

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/door"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/internal/recent"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A controlStore is a marconi.ControlStore: an object for each queue, in one container.
//
// Swift has no compare-and-set. Within this process changes of a queue go one after the other; of those that several processes make
// at one moment the last one stays, and who made a queue reads back which one that is.
type controlStore struct {
	client    objects.Client
	container string
	settle    time.Duration // from making the ID until it is read back

	door      door.Door // each call goes through it
	turns     turns
	deleted   *recent.Set[marconi.QueueRef]                      // which listings may go on to show
	deletions atomic.Int64                                       // so many has this process made
	deleting  *recent.Map[marconi.QueueKey, marconi.Incarnation] // asked for, without an answer that says whether it was done

	id   atomic.Pointer[string] // nil: not known yet
	seen atomic.Bool            // the container was there
}

// mostDeleted is how many of the queues that this process has deleted it remembers, and how many of those it has not.
const mostDeleted = 10_000

func newControlStore(c objects.Client, prefix, namespace string) *controlStore {
	return &controlStore{
		client: c, container: join(prefix, namespace, "control"), settle: objects.SettleTime, turns: newTurns(),
		deleted:  recent.NewSet[marconi.QueueRef](mostDeleted),
		deleting: recent.NewMap[marconi.QueueKey, marconi.Incarnation](mostDeleted),
	}
}

var errClosed = errors.New("the store is closed")

// enter lets a call in; it has to leave by c.door.Leave.
func (c *controlStore) enter(ctx context.Context) error {
	err := c.door.Enter(ctx)
	if errors.Is(err, door.ErrShut) {
		return fmt.Errorf("%w: %w", marconi.ErrUnavailable, errClosed)
	}
	return err
}

// within runs one call, and says what it was doing if that fails.
func (c *controlStore) within(ctx context.Context, doing string, call func() error) error {
	err := c.enter(ctx)
	if err == nil {
		err = call()
		c.door.Leave()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// Ping implements [marconi.ControlStore].
func (c *controlStore) Ping(ctx context.Context) error {
	return c.within(ctx, "ping", func() error { return c.client.Ping(ctx) })
}

// Capabilities implements [marconi.ControlStore]: Swift replaces an object whatever it was.
func (c *controlStore) Capabilities() marconi.ControlCapability { return 0 }

// Close implements [marconi.ControlStore].
func (c *controlStore) Close() error {
	c.door.Shut()
	return c.client.Close()
}

// ID implements [marconi.ControlStore].
func (c *controlStore) ID(ctx context.Context) (id string, err error) {
	err = c.changing(ctx, "get the control store's ID", marconi.QueueKey{}, func() error { // which is no queue's key
		if known := c.id.Load(); known != nil {
			id = *known
			return nil
		}
		if id, err = c.findID(ctx); err == nil {
			c.id.Store(&id)
		}
		return err
	})
	return id, err
}

// findID reads the ID, or makes it.
func (c *controlStore) findID(ctx context.Context) (string, error) {
	at := objects.Path{Container: c.container, Name: "id"}
	o, err := c.get(ctx, at)
	if !errors.Is(err, objects.ErrMissing) {
		return string(o.Body), err
	}
	if _, listed, err := c.entry(ctx, at.Name); err != nil {
		return "", err
	} else if listed {
		if o, err = c.get(ctx, at); errors.Is(err, objects.ErrMissing) { // not just made by another process
			err = errHidden
		}
		return string(o.Body), err
	}
	// Whatever becomes of this one, there may be another's.
	putErr := c.put(ctx, at, []byte(randomHex(16)), "text/plain", objects.Anew)
	if err := pause.For(ctx, c.settle); err != nil {
		return "", err
	}
	o, err = c.get(ctx, at)
	if err != nil {
		return "", errors.Join(putErr, err)
	}
	return string(o.Body), nil
}

// errHidden says that no replica was found of what a listing shows: servers that have it are away, or it was deleted a moment ago.
// To make it anew would hide what is there.
var errHidden = errors.New("an object is listed and can't be found in Swift at present")

// entry is what the container's listing shows of an object.
func (c *controlStore) entry(ctx context.Context, name string) (e objects.Entry, listed bool, err error) {
	entries, err := c.listing(ctx, objects.Listing{Prefix: name, Limit: 1})
	if err != nil || len(entries) == 0 || entries[0].Name != name {
		return objects.Entry{}, false, err
	}
	return entries[0], true, nil
}

// listing lists the container. One that is not there has nothing in it, unless it was there before: then it is out of reach.
func (c *controlStore) listing(ctx context.Context, l objects.Listing) ([]objects.Entry, error) {
	entries, err := c.client.List(ctx, c.container, l)
	if err == nil {
		c.seen.Store(true)
	}
	if errors.Is(err, objects.ErrContainer) && !c.seen.Load() {
		return nil, nil
	}
	return entries, err
}

// get asks all replicas for an object.
func (c *controlStore) get(ctx context.Context, at objects.Path) (objects.Object, error) {
	o, err := c.client.Get(ctx, at, true)
	if err == nil {
		c.seen.Store(true)
	}
	return o, err
}

// put stores an object, and makes the container if it is the first.
func (c *controlStore) put(ctx context.Context, at objects.Path, body []byte, contentType string, options ...objects.PutOption) error {
	a := objects.Attributes{ContentType: contentType}
	err := c.client.Put(ctx, at, body, a, options...)
	if errors.Is(err, objects.ErrContainer) {
		if err := c.client.MakeContainer(ctx, c.container); err != nil {
			return err
		}
		err = c.client.Put(ctx, at, body, a, options...)
	}
	if err == nil {
		c.seen.Store(true)
	}
	return err
}

func randomHex(bytes int) string {
	raw := make([]byte, bytes)
	rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
