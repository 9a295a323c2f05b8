package logstore

import (
	"context"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// replay carries out a change of the log, at its time. Memory does the same with the same at the same time.
func (s *store) replay(ctx context.Context, r record) error {
	s.clock.stopped.Store(r.At)
	defer s.clock.run()
	switch r.Op {
	case opBegin:
		s.id = r.ID
		return nil
	case opCreateQueue, opSetMetadata, opForgetQueue:
		return s.replayControl(ctx, r)
	case opClaim, opUpdateClaim, opRelease, opMoveSpent:
		return s.replayClaims(ctx, r)
	case opPost:
		_, err := s.data.Post(ctx, r.Queue, *r.Post)
		return err
	case opDelete:
		return s.data.Delete(ctx, r.Queue, r.IDs[0], s.present(r.Claims[0]))
	case opDeleteMessages:
		claims := make([]marconi.ClaimID, len(r.Claims))
		for i, c := range r.Claims {
			claims[i] = s.present(c)
		}
		return s.data.DeleteMessages(ctx, r.Queue, r.IDs, claims)
	case opPop:
		_, err := s.data.Pop(ctx, r.Queue, r.Limit)
		return err
	case opDropQueue:
		return s.data.DeleteQueue(ctx, r.Queue)
	case opPurge:
		return s.data.Purge(ctx, r.Queue)
	case opBind:
		return s.data.Bind(ctx, r.ID, r.Adopt)
	}
	return fmt.Errorf("%q is no change that this driver makes: a newer one wrote it", r.Op)
}

// replayControl makes queues under the incarnations that they have in the log.
func (s *store) replayControl(ctx context.Context, r record) error {
	switch r.Op {
	case opCreateQueue:
		made, err := s.control.AdoptQueue(ctx, r.Queue)
		if err != nil || !made {
			return err
		}
		return s.control.SetMetadata(ctx, r.Queue.QueueKey, marconi.Metadata(r.Metadata))
	case opSetMetadata:
		return s.control.SetMetadata(ctx, r.Queue.QueueKey, marconi.Metadata(r.Metadata))
	default:
		_, err := s.control.DeleteQueue(ctx, r.Queue.QueueKey)
		return err
	}
}

func (s *store) replayClaims(ctx context.Context, r record) error {
	switch r.Op {
	case opClaim:
		claimed, err := s.data.Claim(ctx, r.Queue, *r.Claim)
		if r.Lease != "" {
			s.leases[claimed.Lease] = r.Lease
		}
		return err
	case opUpdateClaim:
		return s.data.UpdateClaim(ctx, r.Queue, r.Claims[0], *r.Update)
	case opRelease:
		return s.data.Release(ctx, r.Queue, r.Claims[0])
	default:
		return s.data.(marconi.Mover).MoveSpent(ctx, r.Queue, s.present(r.Lease), r.IDs, *r.Letter)
	}
}

// present gives a claim of the log as memory knows it now.
func (s *store) present(claim marconi.ClaimID) marconi.ClaimID {
	for now, old := range s.leases {
		if old == claim {
			return now
		}
	}
	return claim
}
