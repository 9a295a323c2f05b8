package marconi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Project owns queues. The empty Project is the global scope of API v1.0, apart from every named one.
// Any characters are allowed, and up to [MaxProject] of them.
type Project string

// ParseProject checks the length of a project's name; the text itself is free.
func ParseProject(text string) (Project, error) {
	if n := utf8.RuneCountInString(text); n > MaxProject {
		return "", Refuse("project-length", fmt.Sprintf("the project has %d characters; at most %d are allowed", n, MaxProject))
	}
	return Project(text), nil
}

// A QueueName is 1 to [MaxQueueName] ASCII letters, digits, underscores, hyphens and dots, but for "." and "..".
type QueueName string

// ParseQueueName checks the name of a queue (API contract §1.8).
func ParseQueueName(text string) (QueueName, error) {
	if text == "" || len(text) > MaxQueueName {
		return "", Refuse("queue-name", fmt.Sprintf("a queue's name has 1 to %d characters", MaxQueueName))
	}
	if text == "." || text == ".." {
		return "", Refuse("queue-name", "a queue can't be named . or .., which clients take out of a path")
	}
	if i := strings.IndexFunc(text, notInQueueName); i >= 0 {
		return "", Refuse("queue-name", "a queue's name has only ASCII letters, digits, underscores, hyphens and dots")
	}
	return QueueName(text), nil
}

func notInQueueName(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-', r == '.':
		return false
	}
	return true
}

// A QueueKey names a queue.
type QueueKey struct {
	Project Project
	Name    QueueName
}

// An Incarnation tells a queue from earlier ones of the same name: 53 random bits, never 0, that the control store
// gives when a queue is created.
type Incarnation int64

// A QueueRef names one incarnation of a queue. To a data store another incarnation is simply another queue, so that
// nothing of a deleted queue can appear in one made anew under its name.
type QueueRef struct {
	QueueKey
	Incarnation Incarnation
}

// Metadata is a JSON object, as the client sent it.
type Metadata json.RawMessage

// A Queue is what the control store knows of a queue.
type Queue struct {
	QueueRef
	Metadata Metadata // never empty: {} if none was given; nil in a listing that did not ask for it
}

// A QueueListing says which queues to list.
type QueueListing struct {
	Marker   Marker // the name behind which to start; it need not exist
	Limit    int    // at least 1
	Detailed bool   // with metadata
}

// A QueueStore keeps which queues there are. All methods are safe for concurrent use.
type QueueStore interface {
	// CreateQueue makes a queue and reports whether it was new. An existing one keeps its metadata. The Queue that
	// comes back is the stored one, whoever made it: of two that race, both get the winner's incarnation.
	CreateQueue(ctx context.Context, key QueueKey, m Metadata) (q Queue, created bool, err error)

	// Queue is the queue of that name, or ErrNoQueue.
	Queue(ctx context.Context, key QueueKey) (Queue, error)

	// SetMetadata replaces the metadata as a whole. ErrNoQueue: there is no such queue.
	SetMetadata(ctx context.Context, key QueueKey, m Metadata) error

	// DeleteQueue forgets a queue and returns what it was, so that its data can be dropped. ErrNoQueue: there was none.
	DeleteQueue(ctx context.Context, key QueueKey) (QueueRef, error)

	// ListQueues lists a project's queues by the bytes of their names. Next is the last name of the page.
	ListQueues(ctx context.Context, p Project, l QueueListing) (Page[Queue], error)

	// AdoptQueue makes a queue without metadata for data that was found without one, under the incarnation of that
	// data, and reports whether it did: an existing queue stays as it is.
	AdoptQueue(ctx context.Context, q QueueRef) (adopted bool, err error)
}
