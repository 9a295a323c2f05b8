package client

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// A dialect is what one version of the API says differently from the others. No method looks at the version itself.
type dialect struct {
	version Version
	prefix  string // the version's path

	ping   string // path of the public sign of life
	health string // path of the health report; "" if there is none

	// metadata is the path of a queue's metadata below the queue. "" says that they are the queue's own content: given
	// when it is created, and fixed from then on.
	metadata string
	exists   func(context.Context, *Queue) (bool, error)

	// What stands round the list of messages in a post.
	postOpen, postClose string
	// messages reads the messages of an answer that is no page: of a claim, a pop, or a get by IDs.
	messages func([]byte) ([]wireMessage, error)
	// noneFound is the status of a get by IDs that finds nothing.
	noneFound int
	pop       bool

	// What is sent where the caller leaves it out. 0: it is left to the server.
	messageTTL, claimTTL, claimGrace time.Duration
}

func dialectOf(v Version) (*dialect, error) {
	switch v {
	case V1:
		return v1(), nil
	case V11, "":
		return v11(), nil
	}
	return nil, fmt.Errorf("API version %q is not one of %s, %s", string(v), V1, V11)
}

// v1 wants every time span to be named. What it fills in is what servers of later versions take by default.
func v1() *dialect {
	return &dialect{
		version:    V1,
		prefix:     "/v1",
		ping:       "/health",
		metadata:   "/metadata",
		exists:     existsByHead,
		postOpen:   "[",
		postClose:  "]",
		messages:   bareMessages,
		noneFound:  http.StatusNoContent,
		messageTTL: time.Hour,
		claimTTL:   5 * time.Minute,
		claimGrace: time.Minute,
	}
}

// v11 wraps lists in objects, knows defaults, can pop, and keeps metadata in the queue itself.
func v11() *dialect {
	d := v1()
	d.version = V11
	d.prefix = "/v1.1"
	d.ping = "/ping"
	d.health = "/health"
	d.metadata = ""
	d.exists = existsByListing
	d.postOpen, d.postClose = `{"messages":[`, "]}"
	d.messages = wrappedMessages
	d.noneFound = http.StatusNotFound
	d.pop = true
	d.messageTTL, d.claimTTL, d.claimGrace = 0, 0, 0
	return d
}

// missing is the error of an operation that the version lacks.
func (d *dialect) missing(op Operation) error {
	return fmt.Errorf("%s: %w: %s", op, ErrNotInVersion, d.version)
}
