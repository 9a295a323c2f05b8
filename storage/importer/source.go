package importer

import (
	"context"
	"iter"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// A Source holds queues of another service. It is read, and never changed.
type Source interface {
	// Place is where it is, without secrets. It tells one source from another.
	Place() string
	// Queues gives the queues of those projects, or of all if none is named, each once. What can't be imported it reports to
	// t instead.
	Queues(ctx context.Context, projects []marconi.Project, t *Tally) iter.Seq2[Queue, error]
	// Messages gives the live messages of a queue that Queues gave, oldest first, in pages that fit into memory. It counts
	// for t what it leaves out, and which of those that it gives are claimed or delayed.
	Messages(ctx context.Context, q Queue, t *Tally) iter.Seq2[[]Message, error]
	// Unlisted is about how many live messages there are that no queue lists, if all messages of all queues that Queues gave
	// have been read; else it can't be known, and is nil.
	Unlisted() *int64
	// Close ends the connections.
	Close()
}

// A Queue is one to be imported.
type Queue struct {
	Key      marconi.QueueKey
	Metadata marconi.Metadata // a JSON object, {} if there is none
}

// A Message is one to be imported. Its TTL is what it has still to live.
type Message struct {
	Client marconi.ClientID
	marconi.NewMessage
}

// An Opener opens the source at a URI. Its errors name the URI without secrets.
type Opener func(ctx context.Context, uri string, o storage.Options) (Source, error)

// Sources are openers by the scheme of their URIs, lower case.
type Sources map[string]Opener
