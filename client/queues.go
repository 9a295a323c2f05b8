package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// A Queue is a queue of the client's project, whether it exists or not. It is a name with methods: it holds nothing and
// is safe for concurrent use.
type Queue struct {
	client *Client
	name   string

	path, messages, claims string // escaped, from the root of the host
}

// Queue names a queue: 1 to 64 ASCII letters, digits, underscores, hyphens and dots. Nothing is sent; a name that the
// server doesn't take is an [ErrBadRequest] of the calls.
func (c *Client) Queue(name string) *Queue {
	path := c.path(routeQueues) + "/" + url.PathEscape(name)
	return &Queue{client: c, name: name, path: path, messages: path + "/messages", claims: path + "/claims"}
}

// path is the path of a version's resource.
func (c *Client) path(resource string) string { return c.prefix + c.dialect.prefix + resource }

var errNoName = errors.New("a queue's name is empty")

// do sends a call about the queue.
func (q *Queue) do(ctx context.Context, k call) (answer, error) {
	k.queue = q.name
	if q.name == "" {
		return answer{}, k.wrap(errNoName)
	}
	return q.client.do(ctx, k)
}

// Name is the queue's name.
func (q *Queue) Name() string { return q.name }

// Create makes the queue with the given metadata, a JSON object or nil, and reports whether it was new. An existing
// queue stays as it is, metadata included.
//
// In API v1.1 this is the only way to give metadata, and the first post makes a queue as well. In API v1.0 a queue has to
// be created before messages are posted; metadata take a second request, after the queue is there: its error comes with
// created set.
func (q *Queue) Create(ctx context.Context, metadata json.RawMessage) (created bool, err error) {
	k := call{op: OpCreateQueue, method: http.MethodPut, route: routeQueue, path: q.path}
	apart := q.client.dialect.metadata != ""
	if !apart {
		k.body = metadata
	}
	a, err := q.do(ctx, k)
	if err != nil {
		return false, err
	}
	created = a.status == http.StatusCreated
	if apart && created && len(metadata) > 0 {
		err = q.SetMetadata(ctx, metadata)
	}
	return created, err
}

// Exists reports whether the queue exists.
//
// API v1.1 answers alike for queues that exist and that don't. There the listing of queues is asked what comes first
// behind the last possible name before this one.
func (q *Queue) Exists(ctx context.Context) (bool, error) {
	return q.client.dialect.exists(ctx, q)
}

func existsByHead(ctx context.Context, q *Queue) (bool, error) {
	_, err := q.do(ctx, call{op: OpQueueExists, method: http.MethodHead, route: routeQueue, path: q.path})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func existsByListing(ctx context.Context, q *Queue) (bool, error) {
	k := q.client.listQueues(QueueListing{Marker: before(q.name), Limit: 1})
	k.op = OpQueueExists
	a, err := q.do(ctx, k)
	if err != nil {
		return false, err
	}
	page, err := decodeQueues(a.body)
	if err != nil {
		return false, k.wrap(err)
	}
	return len(page.Items) > 0 && page.Items[0].Name == q.name, nil
}

// before is a text that sorts before a name, and behind every other name that does: with the last letter turned back by
// one, and a tilde, which sorts behind all that may stand in a name.
func before(name string) string {
	if name == "" {
		return ""
	}
	last := len(name) - 1
	return name[:last] + string(rune(name[last]-1)) + "~"
}

// Delete removes the queue with all that is in it. There may be none.
func (q *Queue) Delete(ctx context.Context) error {
	_, err := q.do(ctx, call{op: OpDeleteQueue, method: http.MethodDelete, route: routeQueue, path: q.path})
	return err
}

// Metadata gives the queue's metadata, a JSON object: {} if it has none. Without the queue API v1.0 gives [ErrNotFound],
// API v1.1 {}.
func (q *Queue) Metadata(ctx context.Context) (json.RawMessage, error) {
	suffix := q.client.dialect.metadata
	k := call{op: OpGetMetadata, method: http.MethodGet, route: routeQueue + suffix, path: q.path + suffix}
	a, err := q.do(ctx, k)
	if err != nil {
		return nil, err
	}
	if !isObject(a.body) {
		return nil, k.wrap(fmt.Errorf("%w: metadata are no JSON object", ErrBadAnswer))
	}
	return a.body, nil
}

func isObject(raw []byte) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(raw, &members) == nil && members != nil
}

// SetMetadata replaces the queue's metadata by a JSON object. API v1.0 only: in API v1.1, where [Queue.Create] sets them
// for good, it is [ErrNotInVersion]. [ErrNotFound]: there is no such queue.
func (q *Queue) SetMetadata(ctx context.Context, metadata json.RawMessage) error {
	suffix := q.client.dialect.metadata
	if suffix == "" {
		return q.client.dialect.missing(OpSetMetadata)
	}
	_, err := q.do(ctx, call{
		op: OpSetMetadata, method: http.MethodPut, route: routeQueue + suffix, path: q.path + suffix, body: metadata,
	})
	return err
}

// Stats are the counts of a queue. Free + Claimed = Total.
type Stats struct {
	Free, Claimed, Total int64
	Oldest, Newest       *MessageStats // nil if Total is 0
}

// MessageStats are what [Stats] tell of a message.
type MessageStats struct {
	ID      MessageID
	Age     time.Duration // whole seconds
	Created time.Time     // whole seconds, UTC
}

// Stats counts the queue's messages. Without the queue API v1.0 gives [ErrNotFound], API v1.1 zeros.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	k := call{op: OpGetStats, method: http.MethodGet, route: routeStats, path: q.path + "/stats"}
	a, err := q.do(ctx, k)
	if err != nil {
		return Stats{}, err
	}
	s, err := decodeStats(a.body)
	if err != nil {
		return Stats{}, k.wrap(err)
	}
	return s, nil
}

// A QueueEntry is a queue as a listing shows it.
type QueueEntry struct {
	Name     string
	Href     string          // as the server gave it
	Metadata json.RawMessage // a JSON object; nil if the listing wasn't detailed
}

// QueueListing says which queues to list, and how.
type QueueListing struct {
	Marker   string // the name behind which to start; it need not exist
	Limit    int    // queues on a page; 0: the server's default, 10. Servers refuse more than 20 unless set up otherwise
	Detailed bool   // with metadata
}

func (l QueueListing) query() string {
	return string(query{}.with("marker", l.Marker).withNumber("limit", l.Limit).withFlag("detailed", l.Detailed))
}

// Queues lists the project's queues by name, page after page, as the loop asks for them. An error ends it.
func (c *Client) Queues(ctx context.Context, l QueueListing) iter.Seq2[QueueEntry, error] {
	return walk(c, c.listQueues(l), func(k call) (Page[QueueEntry], error) { return c.queuePage(ctx, k) })
}

// QueuePage lists one page of the project's queues.
func (c *Client) QueuePage(ctx context.Context, l QueueListing) (Page[QueueEntry], error) {
	return c.queuePage(ctx, c.listQueues(l))
}

func (c *Client) listQueues(l QueueListing) call {
	return call{op: OpListQueues, method: http.MethodGet, route: routeQueues, path: c.path(routeQueues), query: l.query()}
}

func (c *Client) queuePage(ctx context.Context, k call) (Page[QueueEntry], error) {
	a, err := c.do(ctx, k)
	if err != nil {
		return Page[QueueEntry]{}, err
	}
	page, err := decodeQueues(a.body)
	if err != nil {
		return Page[QueueEntry]{}, k.wrap(err)
	}
	return page, nil
}
