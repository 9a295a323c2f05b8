// Package upstream reads the queues that OpenStack's Redis driver has written, to import them. It changes nothing there: it sends
// commands that read, and a user of the server that may do no more will do.
//
// # Layout
//
// Names are joined by dots, without escapes; the project may be empty.
//
//	<project>.queues_set             zset  the project's queues as <project>.<queue>, all with score 1
//	<project>.<queue>                hash  m: metadata in MessagePack
//	<project>.<queue>.messages       zset  IDs of messages by rank
//	<project>.<queue>.claims         zset  IDs of claims by end
//	<message ID>                     hash  t TTL, e end, u client, c claim, c.e its end, d delayed until, cs checksum, b body in MessagePack
//
// Times are in seconds. The key of a message names no queue; so a message that no queue lists can't be imported, and is
// only counted. Queue a.b of project x and queue b of project x.a have the same keys, and their messages are the same: to give them
// to either would show them to another's, so that such queues are left out.
package upstream

import (
	"context"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/redis"
)

// Open opens the source at uri, which has the forms that OpenStack's driver and [redis.OpenReader] take.
func Open(ctx context.Context, uri string, o storage.Options) (importer.Source, error) {
	o = o.WithDefaults()
	r, err := redis.OpenReader(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	info, err := r.Info(ctx)
	if err == nil {
		err = checkAge(r, info["redis_version"])
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	// What was thrown away leaves no trace but this.
	if n := info["evicted_keys"]; n != "" && n != "0" {
		o.Logger.Warn("the source has thrown away keys when its memory was full: messages or whole queues may be missing",
			"evicted_keys", n, "maxmemory_policy", info["maxmemory_policy"])
	}
	return &source{Reader: r, survey: newSurvey()}, nil
}

// checkAge refuses a server of before 3.2, which lacks HSTRLEN: when OpenStack's driver was new, many did.
func checkAge(r *redis.Reader, version string) error {
	var major, minor int
	known, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	if known < 2 || major > 3 || major == 3 && minor >= 2 {
		return nil
	}
	return fmt.Errorf("%s is Redis %s, and 3.2 is needed: make a newer one its replica, or give that its dump.rdb, and import from there", r.Place(), version)
}

// A source is an importer.Source.
type source struct {
	*redis.Reader
	survey *survey
}

// now is the time as the data has it.
func (s *source) now() float64 {
	return float64(s.Now().UnixMicro()) / float64(time.Second/time.Microsecond)
}

// Unlisted implements [importer.Source].
func (s *source) Unlisted() *int64 { return s.survey.unlisted(s.now()) }

// one sends one command that gives one value.
func (s *source) one(ctx context.Context, command ...string) (redis.Reply, error) {
	replies, err := s.Read(ctx, command)
	if err != nil {
		return redis.Reply{}, err
	}
	if !replies[0].WrongType && len(replies[0].Values) == 0 {
		return redis.Reply{}, fmt.Errorf("%s %s: the reply is empty", command[0], s.Place())
	}
	return replies[0], nil
}
