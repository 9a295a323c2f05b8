package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
)

// An outcome is what is known of a script that was to be run.
type outcome int

const (
	answered outcome = iota // it ran, or the server refused it for good
	resting                 // it was not sent: the server is left alone, since it could not be reached
	locked                  // it was not sent: the server would not let us in
	unsent                  // it was not sent: there was no connection
	refused                 // the server did not run it, and may soon
	unknown                 // it was sent, and nobody knows
)

// String is the outcome for figures and messages.
func (o outcome) String() string {
	return [...]string{"answered", "resting", "locked", "unsent", "refused", "unknown"}[o]
}

// soon are the answers of a server that did not run a script and may run it in a moment.
var soon = []string{"LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "BUSY", "MOVED", "ASK", "FAILOVER"}

// later are the answers of a server that did not run a script and won't until somebody sees to it.
var later = []string{"MISCONF", "NOREPLICAS", "NOPERM", "NOAUTH", "WRONGPASS", "DENIED"}

// judge tells what became of a script. An error in place of a reply is of the connection, whatever its type: what Redis
// says to a log-in comes there too, and then nothing else was sent.
func judge(ctx context.Context, r rueidis.RedisResult) outcome {
	err := r.NonRedisError()
	if err == nil {
		return judgeReply(r.Error())
	}
	var connect *connectError
	var login *rueidis.RedisError
	switch {
	case errors.As(err, &connect) && connect.resting:
		return resting
	case errors.As(err, &connect):
		return unsent
	case errors.As(err, &login):
		if hasCode(login.Error(), soon) {
			return unsent
		}
		return locked
	case errors.Is(err, rueidis.ErrNoSlot):
		return unsent
	case ctx.Err() != nil:
		return unknown
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Of another call, which was making the connection for all and gave up.
		return unsent
	}
	return unknown
}

func judgeReply(err error) outcome {
	if err == nil { // the usual, for which looking into it would allocate
		return answered
	}
	var reply *rueidis.RedisError
	if errors.As(err, &reply) && hasCode(reply.Error(), soon) {
		return refused
	}
	return answered
}

// hasCode tells whether an error reply begins with one of the codes. Up to Redis 6.2 what a command answers inside a
// script comes in the middle of a sentence, with a dash before it.
func hasCode(text string, codes []string) bool {
	code, _, _ := strings.Cut(text, " ")
	inScript := strings.HasPrefix(strings.TrimPrefix(text, "ERR "), "Error running script")
	for _, c := range codes {
		if code == c || inScript && strings.Contains(text, ": -"+c+" ") {
			return true
		}
	}
	return false
}

// named gives the server's word the name that it has in the domain, if it has one.
func named(err error) error {
	if err == nil {
		return nil
	}
	var reply *rueidis.RedisError
	if !errors.As(err, &reply) || reply.IsNil() {
		return nil
	}
	switch {
	case hasCode(reply.Error(), []string{"OOM"}):
		return fmt.Errorf("%w: %w", marconi.ErrFull, reply)
	case hasCode(reply.Error(), later):
		return fmt.Errorf("%w: %w", marconi.ErrUnavailable, reply)
	}
	return reply
}

// unavailable is the error of a script of which this is known in the end.
func unavailable(ctx context.Context, name string, o outcome, err error) error {
	err = fmt.Errorf("%s: %w: %w", name, marconi.ErrUnavailable, err)
	if o == unknown {
		err = fmt.Errorf("%w (it may have been done)", err)
	}
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return err
}
