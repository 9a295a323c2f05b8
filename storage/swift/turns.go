package swift

import (
	"context"
	"hash/maphash"

	"github.com/marconi-mq/marconi"
)

// turns let the changes of one queue go one after the other, in this process.
type turns struct {
	seed  maphash.Seed
	lanes []chan struct{} // each holds one value while somebody is at work there
}

const lanes = 64

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed(), lanes: make([]chan struct{}, lanes)}
	for i := range t.lanes {
		t.lanes[i] = make(chan struct{}, 1)
	}
	return t
}

// take waits for the queue's turn, which ends with done.
func (t turns) take(ctx context.Context, key marconi.QueueKey) (done func(), err error) {
	lane := t.lanes[maphash.Comparable(t.seed, key)%lanes]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
