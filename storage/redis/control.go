package redis

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
)

var errRecord = errors.New("a queue in Redis can't be read: its record has no incarnation")

// A controlStore is a marconi.ControlStore. A project's queues are their names in a sorted set and their records in a hash: the incarnation,
// a space, and the metadata.
type controlStore struct {
	plane
}

func (c *controlStore) run(ctx context.Context, what string, s *script, keys []string, args ...string) (rueidis.RedisMessage, error) {
	if err := c.enter(ctx); err != nil {
		return rueidis.RedisMessage{}, fmt.Errorf("%s: %w", what, err)
	}
	defer c.door.Leave()
	m, err := c.client.run(ctx, s, keys, args)
	if err != nil {
		return rueidis.RedisMessage{}, fmt.Errorf("%s: %w", what, err)
	}
	return m, nil
}

// ID implements [marconi.ControlStore]. One that is there needs no replica to wait for: a server can start while they are away.
func (c *controlStore) ID(ctx context.Context) (string, error) {
	const what = "get the control store's ID"
	m, err := c.run(ctx, what, c.scripts.kept, c.keys.controlID())
	if err == nil && m.IsNil() {
		m, err = c.run(ctx, what, c.scripts.controlID, c.keys.controlID(), randomHex(16))
	}
	if err != nil {
		return "", err
	}
	id, err := m.ToString()
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, errReply)
	}
	return id, nil
}

// Capabilities implements [marconi.ControlStore].
func (c *controlStore) Capabilities() marconi.ControlCapability { return marconi.CompareAndSet }

// Lapses implements [marconi.Lapser]: a connection that broke may lead to a server that was restarted without its data, or to another.
func (c *controlStore) Lapses() uint64 { return c.client.dialer.breaks.Load() }

// Close implements [marconi.ControlStore].
func (c *controlStore) Close() error {
	if c.door.Shut() {
		c.leave()
	}
	return nil
}

// newIncarnation is 53 random bits, but never 0.
func newIncarnation() marconi.Incarnation {
	var raw [8]byte
	for {
		rand.Read(raw[:]) // never fails
		if n := binary.BigEndian.Uint64(raw[:]) >> 11; n != 0 {
			return marconi.Incarnation(n)
		}
	}
}

func record(i marconi.Incarnation, m marconi.Metadata) string {
	if len(m) == 0 {
		m = marconi.Metadata("{}")
	}
	return decimal(i) + " " + string(m)
}

func parseRecord(key marconi.QueueKey, text string) (marconi.Queue, error) {
	number, metadata, found := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !found || n <= 0 || metadata == "" {
		return marconi.Queue{}, errRecord
	}
	ref := marconi.QueueRef{QueueKey: key, Incarnation: marconi.Incarnation(n)}
	return marconi.Queue{QueueRef: ref, Metadata: marconi.Metadata(metadata)}, nil
}

// CreateQueue implements [marconi.QueueStore].
func (c *controlStore) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
	return c.create(ctx, key, record(newIncarnation(), m))
}

// AdoptQueue implements [marconi.QueueStore].
func (c *controlStore) AdoptQueue(ctx context.Context, q marconi.QueueRef) (bool, error) {
	_, adopted, err := c.create(ctx, q.QueueKey, record(q.Incarnation, nil))
	return adopted, err
}

func (c *controlStore) create(ctx context.Context, key marconi.QueueKey, text string) (marconi.Queue, bool, error) {
	m, err := c.run(ctx, "create a queue", c.scripts.createQueue, c.keys.project(key.Project), string(key.Name), text)
	if err != nil {
		return marconi.Queue{}, false, err
	}
	parts, err := m.ToArray()
	if err != nil || len(parts) != 2 {
		return marconi.Queue{}, false, fmt.Errorf("create a queue: %w", errReply)
	}
	made, madeErr := parts[0].ToInt64()
	kept, keptErr := parts[1].ToString()
	if madeErr != nil || keptErr != nil {
		return marconi.Queue{}, false, fmt.Errorf("create a queue: %w", errReply)
	}
	q, err := parseRecord(key, kept)
	// Whoever repeats a creation whose answer was lost finds the queue there, and made it all the same.
	return q, made == 1 || kept == text && err == nil, err
}

// Queue implements [marconi.QueueStore].
func (c *controlStore) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	m, err := c.run(ctx, "get a queue", c.scripts.getQueue, c.keys.project(key.Project), string(key.Name))
	if err != nil {
		return marconi.Queue{}, err
	}
	return found("get a queue", key, m)
}

// found is the queue whose record is in a reply that may be empty.
func found(what string, key marconi.QueueKey, m rueidis.RedisMessage) (marconi.Queue, error) {
	text, err := m.ToString()
	switch {
	case m.IsNil():
		return marconi.Queue{}, fmt.Errorf("%s: %w", what, marconi.ErrNoQueue)
	case err != nil:
		return marconi.Queue{}, fmt.Errorf("%s: %w", what, errReply)
	}
	q, err := parseRecord(key, text)
	if err != nil {
		return marconi.Queue{}, fmt.Errorf("%s: %w", what, err)
	}
	return q, nil
}

// SetMetadata implements [marconi.QueueStore].
func (c *controlStore) SetMetadata(ctx context.Context, key marconi.QueueKey, metadata marconi.Metadata) error {
	if len(metadata) == 0 {
		metadata = marconi.Metadata("{}")
	}
	m, err := c.run(ctx, "set metadata", c.scripts.setQueue, c.keys.project(key.Project), string(key.Name), string(metadata))
	if err != nil {
		return err
	}
	switch set, err := m.ToInt64(); {
	case err != nil:
		return fmt.Errorf("set metadata: %w", errReply)
	case set == 0:
		return fmt.Errorf("set metadata: %w", marconi.ErrNoQueue)
	}
	return nil
}

// DeleteQueue implements [marconi.QueueStore].
func (c *controlStore) DeleteQueue(ctx context.Context, key marconi.QueueKey) (marconi.QueueRef, error) {
	m, err := c.run(ctx, "delete a queue", c.scripts.deleteQueue, c.keys.project(key.Project), string(key.Name))
	if err != nil {
		return marconi.QueueRef{}, err
	}
	q, err := found("delete a queue", key, m)
	return q.QueueRef, err
}

// ListQueues implements [marconi.QueueStore].
func (c *controlStore) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	var page marconi.Page[marconi.Queue]
	for len(page.Items) < l.Limit {
		limit := min(l.Limit-len(page.Items), mostAtOnce)
		items, err := c.listSome(ctx, p, l.Marker, limit)
		if err != nil {
			return marconi.Page[marconi.Queue]{}, err
		}
		if len(items) > 0 {
			page.Next = marconi.Marker(items[len(items)-1].Name)
			l.Marker = page.Next
		}
		page.Items = append(page.Items, items...)
		if len(items) < limit {
			break
		}
	}
	if !l.Detailed {
		for i := range page.Items {
			page.Items[i].Metadata = nil
		}
	}
	return page, nil
}

func (c *controlStore) listSome(ctx context.Context, p marconi.Project, behind marconi.Marker, limit int) ([]marconi.Queue, error) {
	from := "-"
	if behind != "" {
		from = "(" + string(behind)
	}
	m, err := c.run(ctx, "list queues", c.scripts.listQueues, c.keys.project(p), from, decimal(limit))
	if err != nil {
		return nil, err
	}
	parts, err := m.ToArray()
	if err != nil || len(parts) != 2 {
		return nil, fmt.Errorf("list queues: %w", errReply)
	}
	names, namesErr := parts[0].AsStrSlice()
	records, recordsErr := parts[1].AsStrSlice()
	if namesErr != nil || recordsErr != nil || len(names) != len(records) {
		return nil, fmt.Errorf("list queues: %w", errReply)
	}
	items := make([]marconi.Queue, len(names))
	for i, name := range names {
		if items[i], err = parseRecord(marconi.QueueKey{Project: p, Name: marconi.QueueName(name)}, records[i]); err != nil {
			return nil, fmt.Errorf("list queues: %w", err)
		}
	}
	return items, nil
}
