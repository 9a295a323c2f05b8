package importer

import (
	"fmt"

	"github.com/marconi-mq/marconi"
)

// Counts are what an import has moved, and what it has not.
type Counts struct {
	Queues   int64 `json:"queues"`   // moved, with their metadata
	Messages int64 `json:"messages"` // moved
	Claimed  int64 `json:"claimed"`  // messages moved that were under a live claim, and are free now
	Delayed  int64 `json:"delayed"`  // messages moved that are delayed still
	Claims   int64 `json:"claims"`   // live claims seen; they end here

	Expired     int64 `json:"expired"`      // messages left out: their time was over
	Gone        int64 `json:"gone"`         // IDs listed in a queue without a message: expired before, or deleted meanwhile
	EndedClaims int64 `json:"ended_claims"` // claims that were over, and not collected
	Existing    int64 `json:"existing"`     // queues left out: the target had one of that name

	Damaged map[Reason]int64 `json:"damaged,omitempty"`
	// Unlisted are live messages that none of the queues lists which were read. Nil: not counted.
	Unlisted *int64 `json:"unlisted,omitempty"`
}

// A Reason says why something can't be imported as it is.
type Reason string

// The reasons. The first ones cost a message each, those of a queue its messages or itself.
const (
	BadID       Reason = "message-id"        // what a queue lists is no message ID
	BadType     Reason = "message-type"      // the message is of a type that no message has
	BadFields   Reason = "message-fields"    // when it ends, its delay or client can't be read
	BadBody     Reason = "message-body"      // the body is missing or can't be read
	BadList     Reason = "queue-messages"    // the list of messages is of a type that no list has: the queue comes without
	BadMetadata Reason = "queue-metadata"    // the metadata can't be read: the queue comes without
	NoRecord    Reason = "queue-record"      // the queue is listed and has no record: it comes without metadata
	BadName     Reason = "queue-name"        // no queue of ours can have that name, or the project can't: it stays
	SharedKeys  Reason = "queue-shared"      // another project's queue has the same keys: whose messages they are nobody can tell
	BadQueues   Reason = "project-queues"    // a project's list of queues is of a type that no list has
	Stray       Reason = "messages-astray"   // a list of messages belongs to no queue that there is
	Exists      Reason = "queue-exists"      // the target has a queue of that name; counted apart
	BadClaims   Reason = "claims-unreadable" // the list of claims is of a type that no list has
)

// A Problem is one thing that can't be imported as it is.
type Problem struct {
	Project marconi.Project
	Queue   string // "" if it is not of a queue
	Message string // its ID, "" if it is not of a message
	Reason  Reason
	Err     error // what is wrong, if there is more to say
}

// String is a sentence about the problem.
func (p Problem) String() string {
	text := fmt.Sprintf("project %q", p.Project)
	if p.Queue != "" {
		text += fmt.Sprintf(" queue %q", p.Queue)
	}
	if p.Message != "" {
		text += fmt.Sprintf(" message %q", p.Message)
	}
	text += ": " + string(p.Reason)
	if p.Err != nil {
		text += ": " + p.Err.Error()
	}
	return text
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Queues += o.Queues
	c.Messages += o.Messages
	c.Claimed += o.Claimed
	c.Delayed += o.Delayed
	c.Claims += o.Claims
	c.Expired += o.Expired
	c.Gone += o.Gone
	c.EndedClaims += o.EndedClaims
	c.Existing += o.Existing
	damaged := map[Reason]int64{}
	for _, one := range []map[Reason]int64{c.Damaged, o.Damaged} {
		for reason, n := range one {
			damaged[reason] += n
		}
	}
	if len(damaged) > 0 {
		c.Damaged = damaged
	}
	if o.Unlisted != nil {
		c.Unlisted = o.Unlisted
	}
}

// LeftOut is how much could not be imported, or not as it was. What had expired does not count.
func (c *Counts) LeftOut() int64 {
	n := c.Existing
	for _, damaged := range c.Damaged {
		n += damaged
	}
	return n
}

// A Tally counts for an import while a source is read.
type Tally struct {
	Counts
	problem func(Problem)
}

// Damage counts a problem, and tells of it.
func (t *Tally) Damage(p Problem) {
	if t.Damaged == nil {
		t.Damaged = map[Reason]int64{}
	}
	t.Damaged[p.Reason]++
	t.problem(p)
}
