package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A ClaimID names a claim in its queue. It is opaque.
type ClaimID string

// A ClaimRequest asks for messages to work on. Spans are rounded up to whole seconds.
type ClaimRequest struct {
	// TTL is how long the claim lasts unless it is updated; at least a minute. 0: five minutes, or what the server is set
	// up for.
	TTL time.Duration
	// Grace is how much longer than the claim a message lives whose end would come before the claim's; at least a minute.
	// 0: a minute, or what the server is set up for.
	Grace time.Duration
	// Limit is how many messages to claim at most. 0: the server's default, 10. Servers refuse more than 20 unless set up
	// otherwise.
	Limit int
}

// A ClaimUpdate starts a claim's time anew. The spans mean what they do in a [ClaimRequest]: an empty one is the
// default, not what the claim had.
type ClaimUpdate struct {
	TTL   time.Duration
	Grace time.Duration
}

// A Claim holds messages: until it ends nobody else claims or pops them, and only with it they can be deleted. A claim
// that found nothing has neither ID nor Messages, and Release does nothing for it.
//
// It is what the server said when it was made or fetched, and doesn't change; so one goroutine can update the claim while
// others delete its messages.
type Claim struct {
	ID       ClaimID
	TTL      time.Duration // as asked for, or as fetched; 0 if it was left to the server
	Age      time.Duration // when it was fetched, in whole seconds
	Messages []Message     // oldest first

	queue *Queue
}

// Claim holds the oldest free messages, whoever posted them. Finding none, or no queue, is no error: the claim has no
// Messages then. After a [*TransportError] there may be a claim that nobody knows; its messages are free again when it
// ends.
func (q *Queue) Claim(ctx context.Context, r ClaimRequest) (*Claim, error) {
	d := q.client.dialect
	ttl, grace := orDefault(r.TTL, d.claimTTL), orDefault(r.Grace, d.claimGrace)
	k := call{
		op: OpClaim, queue: q.name, method: http.MethodPost, route: routeClaims, path: q.claims,
		query: string(query{}.withNumber("limit", r.Limit)),
		body:  encodeClaim(ttl, grace),
	}
	a, err := q.do(ctx, k)
	if err != nil {
		return nil, err
	}
	messages, err := q.readMessages(k, a)
	if err != nil || len(messages) == 0 {
		return &Claim{queue: q}, err
	}
	id := claimOf(a, messages)
	if id == "" {
		return nil, k.wrap(fmt.Errorf("%w: a claim without an ID", ErrBadAnswer))
	}
	return &Claim{ID: id, TTL: span(seconds(ttl)), Messages: messages, queue: q}, nil
}

// claimOf finds the ID of a new claim: at the end of its location, or in the messages' hrefs.
func claimOf(a answer, messages []Message) ClaimID {
	if id := lastSegment(a.header.Get("Location")); id != "" {
		return ClaimID(id)
	}
	return messages[0].Claim
}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

// ClaimByID fetches a claim with the messages that it still holds. [ErrNotFound]: it has ended, or holds none any more.
func (q *Queue) ClaimByID(ctx context.Context, id ClaimID) (*Claim, error) {
	k := call{op: OpGetClaim, queue: q.name, method: http.MethodGet, route: routeClaim}
	var err error
	if k.path, err = below(q.claims, string(id)); err != nil {
		return nil, k.wrap(err)
	}
	a, err := q.do(ctx, k)
	if err != nil {
		return nil, err
	}
	claim, err := decodeClaim(a.body)
	if err != nil {
		return nil, k.wrap(err)
	}
	claim.ID, claim.queue = id, q
	return claim, nil
}

// UpdateClaim starts a claim's time anew, so that work that takes long can go on. [ErrNotFound]: it has ended.
func (q *Queue) UpdateClaim(ctx context.Context, id ClaimID, u ClaimUpdate) error {
	d := q.client.dialect
	k := call{
		op: OpUpdateClaim, queue: q.name, method: http.MethodPatch, route: routeClaim,
		body: encodeClaim(orDefault(u.TTL, d.claimTTL), orDefault(u.Grace, d.claimGrace)),
	}
	var err error
	if k.path, err = below(q.claims, string(id)); err != nil {
		return k.wrap(err)
	}
	_, err = q.do(ctx, k)
	return err
}

// ReleaseClaim ends a claim: the messages that it still holds are free at once. One that has ended already is no error.
func (q *Queue) ReleaseClaim(ctx context.Context, id ClaimID) error {
	k := call{op: OpRelease, queue: q.name, method: http.MethodDelete, route: routeClaim}
	var err error
	if k.path, err = below(q.claims, string(id)); err != nil {
		return k.wrap(err)
	}
	_, err = q.do(ctx, k)
	return err
}

// Update is [Queue.UpdateClaim] for this claim.
func (c *Claim) Update(ctx context.Context, u ClaimUpdate) error {
	return c.queue.UpdateClaim(ctx, c.ID, u)
}

// Release is [Queue.ReleaseClaim] for this claim. For one that found nothing it does nothing, so it can be deferred
// before looking; with a context that outlives the work, as [context.WithoutCancel] makes it.
func (c *Claim) Release(ctx context.Context) error {
	if c.ID == "" {
		return nil
	}
	return c.queue.ReleaseClaim(ctx, c.ID)
}

var errNotClaimed = errors.New("the claim holds no messages")

// Delete removes one of the claim's messages, for it has been dealt with. See [Queue.DeleteMessage] for what happens if
// the claim has ended meanwhile.
func (c *Claim) Delete(ctx context.Context, id MessageID) error {
	if c.ID == "" {
		// Without a claim this would delete what is free.
		return fmt.Errorf("%s: queue %s: %w", OpDeleteMessage, c.queue.name, errNotClaimed)
	}
	return c.queue.DeleteMessage(ctx, id, c.ID)
}
