package pure

import (
	"context"
	"fmt"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Pop implements [marconi.DataStore]: a claim that deletes what it got.
func (s *Store) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	if err := s.door.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	a := s.attemptPop(q, limit)
	defer a.end()
	won, err := a.runPop(ctx)
	if err != nil {
		return nil, fmt.Errorf("pop messages: %w", err)
	}
	popped := make([]marconi.Message, len(won))
	for i, c := range won {
		popped[i] = a.show(c)
	}
	return popped, nil
}

func (a *attempt) runPop(ctx context.Context) ([]*candidate, error) {
	var won []*candidate
	for range mostRounds {
		_, all, err := a.choose(ctx)
		if err == nil {
			won, err = a.take(ctx, all)
		}
		if err != nil && len(won) == 0 {
			return nil, a.giveUp(ctx, err)
		}
		if len(won) > 0 || len(all) == 0 {
			break
		}
	}
	popped, err := a.removeWon(ctx, won)
	if err != nil {
		return nil, a.giveUp(ctx, err)
	}
	return popped, nil
}

// removeWon deletes the messages, and when they have gone their leases with the claim: a message without leases would be free. It gives those
// that have gone; the others are free as the claim is no more. If none has, an error says why.
func (a *attempt) removeWon(ctx context.Context, won []*candidate) ([]*candidate, error) {
	if !a.mine.made {
		return nil, nil
	}
	gone, err := a.deleteWon(ctx, won)
	if err != nil && len(gone) == 0 {
		return nil, err
	}
	rest := []objects.Path{a.at.claim(a.mine.id)}
	for _, c := range gone {
		rest = append(rest, a.at.leases(c.name, c.generation+1)...)
	}
	if a.s.removeAll(ctx, rest) != nil {
		a.s.reaper.add(rest...)
	}
	if len(gone) < len(won) {
		a.s.lookSoon(a.q)
	}
	return gone, nil
}

// deleteWon deletes the messages, and gives those that have gone. If that fails all replicas are asked for each: what has gone nobody else
// will give.
func (a *attempt) deleteWon(ctx context.Context, won []*candidate) ([]*candidate, error) {
	paths := make([]objects.Path, len(won))
	for i, c := range won {
		paths[i] = a.at.message(c.name)
	}
	err := a.s.removeMessages(ctx, paths)
	if err == nil {
		return won, nil
	}
	ctx, cancel := repair(ctx)
	defer cancel()
	isGone, _ := a.s.areGone(ctx, paths)
	var gone []*candidate
	for i, c := range won {
		if isGone[i] {
			gone = append(gone, c)
			a.s.deleted.Add(paths[i])
		}
	}
	return gone, err
}
