package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/marconi-mq/marconi"
)

// A Claim asks for messages to work on. What is left out is the limits' default, and [marconi.DefaultPage] messages; it
// waits for messages like a [Listing].
type Claim struct {
	Queue      marconi.QueueKey
	TTL, Grace Optional[marconi.Seconds]
	Limit      Optional[int]
	Wait       Optional[int]
}

// A ClaimUpdate starts a claim's time anew. What is left out is the limits' default, not what the claim had.
type ClaimUpdate struct {
	TTL, Grace Optional[marconi.Seconds]
}

// releaseTime is how long a claim is tried to be given back whose caller went away.
const releaseTime = 5 * time.Second

// maxReleases is how many claims are given back beside their callers.
const maxReleases = 256

// ClaimMessages claims the oldest free messages. Nothing free, or no such queue: no claim, with an empty ID.
// Messages claimed too often already go to the queue's dead-letter queue instead.
func (b *Broker) ClaimMessages(ctx context.Context, c Claim) (marconi.Claim, error) {
	if err := b.may(ctx, marconi.OpCreateClaim); err != nil {
		return marconi.Claim{}, err
	}
	request, err := b.claimRequest(c)
	if err != nil {
		return marconi.Claim{}, err
	}
	wait, err := waitTime(c.Wait)
	if err != nil {
		return marconi.Claim{}, err
	}
	var messages []marconi.Message
	err = b.await(ctx, c.Queue, wait, marconi.Interest{Take: true}, func(ctx context.Context, q queueRecord) (found bool, err error) {
		messages, err = b.claim(ctx, q, request)
		if ctx.Err() != nil {
			b.giveBackBeside(ctx, q.ref, request.ID)
			messages, err = nil, ctx.Err()
		}
		if err != nil || len(messages) > 0 {
			return err == nil, err
		}
		request.ID = newClaimID() // under the old one a store may keep what it can't show
		return false, nil
	})
	if err != nil || len(messages) == 0 {
		return marconi.Claim{}, b.named(ctx, "claim messages", c.Queue, err)
	}
	return marconi.Claim{ID: request.ID, TTL: request.TTL, Messages: messages}, nil
}

func (b *Broker) claimRequest(c Claim) (marconi.ClaimRequest, error) {
	r := marconi.ClaimRequest{
		TTL:   c.TTL.or(b.limits.DefaultClaimTTL),
		Grace: c.Grace.or(b.limits.DefaultClaimGrace),
	}
	if err := b.checkClaimTTL(r.TTL); err != nil {
		return r, err
	}
	limit, err := pageLimit(c.Limit, b.limits.MaxMessagesPerClaim)
	if err != nil {
		return r, err
	}
	if r.Grace < marconi.MinClaimGrace || r.Grace > b.limits.MaxClaimGrace {
		return r, marconi.Refuse("grace-range", fmt.Sprintf("a claim's grace has to be from %d to %d seconds",
			marconi.MinClaimGrace, b.limits.MaxClaimGrace))
	}
	r.ID, r.Limit = newClaimID(), limit
	return r, nil
}

func newClaimID() marconi.ClaimID { return marconi.ClaimID(uuid.NewString()) }

func (b *Broker) checkClaimTTL(ttl marconi.Seconds) error {
	if ttl < marconi.MinClaimTTL || ttl > b.limits.MaxClaimTTL {
		return marconi.Refuse("ttl-range", fmt.Sprintf("a claim's ttl has to be from %d to %d seconds", marconi.MinClaimTTL, b.limits.MaxClaimTTL))
	}
	return nil
}

// claim asks the store until it has messages, or nothing is set aside for the dead-letter queue any more.
func (b *Broker) claim(ctx context.Context, q queueRecord, r marconi.ClaimRequest) ([]marconi.Message, error) {
	dead, err := b.deadLetterQueue(ctx, q)
	if errors.Is(err, marconi.ErrFull) {
		// Nobody who empties a full store is to be stopped: until the queue can be made, dead letters are claimed again.
		q.rules.maxClaims, err = 0, nil
	}
	if err != nil {
		return nil, err
	}
	r.MaxClaims = q.rules.maxClaims
	// What can't be moved waits where it is for its lease's end, and the next claim: no reason to refuse what stands behind it. That there is no
	// room for it is no trouble at all: whoever empties the store is not to be stopped.
	var stuck error
	for {
		claimed, err := b.data.Claim(ctx, q.ref, r)
		if err != nil {
			return nil, err
		}
		if len(claimed.Spent) > 0 && stuck == nil {
			stuck = b.bury(ctx, q.ref, claimed, dead)
		}
		trouble := stuck
		if errors.Is(stuck, marconi.ErrFull) {
			trouble = nil
		}
		if len(claimed.Messages) > 0 {
			_ = b.named(ctx, "move dead letters", q.ref.QueueKey, trouble)
			return claimed.Messages, nil
		}
		if len(claimed.Spent) < marconi.MaxSpent {
			return nil, trouble
		}
	}
}

// giveBackBeside gives a claim back without holding up its caller, whose time is over: as long as there are not too many already.
func (b *Broker) giveBackBeside(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) {
	select {
	case b.releasing <- struct{}{}:
		b.beside.Go(func() {
			b.giveBack(ctx, q, id)
			<-b.releasing
		})
	default:
		b.giveBack(ctx, q, id)
	}
}

// giveBack frees what was claimed for a caller that can't be told any more.
func (b *Broker) giveBack(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	_ = b.named(ctx, "give back a claim", q.QueueKey, b.data.Release(ctx, q, id))
}

// Claim gives a live claim with what it holds, or ErrNoClaim.
func (b *Broker) Claim(ctx context.Context, key marconi.QueueKey, id marconi.ClaimID) (marconi.Claim, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpGetClaim)
	if err != nil {
		return marconi.Claim{}, err
	}
	defer bound.End()
	q, err := b.claimedQueue(ctx, key)
	if err != nil {
		return marconi.Claim{}, b.named(ctx, "get claim", key, err)
	}
	c, err := b.data.Claimed(ctx, q.ref, id)
	return c, b.named(ctx, "get claim", key, err)
}

// UpdateClaim starts a claim's time anew, or is ErrNoClaim. The grace may be any, as the API has it; what is below 0
// counts as 0, and none makes a message live longer than it could have been posted for.
func (b *Broker) UpdateClaim(ctx context.Context, key marconi.QueueKey, id marconi.ClaimID, u ClaimUpdate) error {
	ctx, bound, err := b.begin(ctx, marconi.OpUpdateClaim)
	if err != nil {
		return err
	}
	defer bound.End()
	ttl := u.TTL.or(b.limits.DefaultClaimTTL)
	if err := b.checkClaimTTL(ttl); err != nil {
		return err
	}
	grace := u.Grace.or(b.limits.DefaultClaimGrace)
	grace = max(min(grace, max(b.limits.MaxMessageTTL-ttl, b.limits.MaxClaimGrace)), 0)
	q, err := b.claimedQueue(ctx, key)
	if err == nil {
		err = b.data.UpdateClaim(ctx, q.ref, id, marconi.ClaimUpdate{TTL: ttl, Grace: grace})
	}
	return b.named(ctx, "update claim", key, err)
}

// ReleaseClaim ends a claim: what it holds is free at once. There need not be such a claim.
func (b *Broker) ReleaseClaim(ctx context.Context, key marconi.QueueKey, id marconi.ClaimID) error {
	ctx, bound, err := b.begin(ctx, marconi.OpDeleteClaim)
	if err != nil {
		return err
	}
	defer bound.End()
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return nil
	}
	if err == nil {
		err = b.data.Release(ctx, q.ref, id)
	}
	return b.named(ctx, "release claim", key, err)
}

// claimedQueue resolves the queue of a claim: no queue, no claim.
func (b *Broker) claimedQueue(ctx context.Context, key marconi.QueueKey) (queueRecord, error) {
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return q, marconi.ErrNoClaim
	}
	return q, err
}
