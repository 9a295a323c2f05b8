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
	if err := a.removeWon(ctx, won); err != nil {
		return nil, a.giveUp(ctx, err)
	}
	return won, nil
}

// removeWon deletes the messages, and when they have gone their leases with the claim: a message without leases would be free.
func (a *attempt) removeWon(ctx context.Context, won []*candidate) error {
	if !a.mine.made {
		return nil
	}
	messages := make([]objects.Path, len(won))
	rest := []objects.Path{a.at.claim(a.mine.id)}
	for i, c := range won {
		messages[i] = a.at.message(c.name)
		rest = append(rest, a.at.leases(c.name, c.generation+1)...)
	}
	if err := a.s.removeMessages(ctx, messages); err != nil {
		return err
	}
	if a.s.removeAll(ctx, rest) != nil {
		a.s.reaper.add(rest...)
	}
	return nil
}
