package redis

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi/storage"
)

// notYet marks what a server says, or the system for it, that is starting: it reads its data, follows another, or does not
// listen yet.
func notYet(err error) error {
	var reply *rueidis.RedisError
	starting := errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &reply) && hasCode(reply.Error(), soon)
	if !starting {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrNotYet, err)
}
