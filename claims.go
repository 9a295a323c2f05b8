package marconi

import (
	"context"
	"time"
)

// A ClaimID is the right to delete what it holds: 128 random bits, made by the broker, so that a claim can be repeated.
// Whatever is not the ID of a live claim of the queue names no claim, however it is spelled.
type ClaimID string

// A ClaimRequest asks for messages to work on.
type ClaimRequest struct {
	ID    ClaimID
	TTL   Seconds // of the claim
	Grace Seconds // how much longer than the claim a message lives whose end would come before the claim's
	Limit int     // at least 1
	// MaxClaims sends a message that was claimed so often already to the dead-letter queue instead. 0: never.
	MaxClaims int
}

// Claimed is what a claim got. Without Messages there is no claim.
type Claimed struct {
	Messages []Message // oldest first

	// Spent are messages claimed MaxClaims times already, oldest first, at most [MaxSpent]; further ones stay where they
	// are. They stand under Lease for [SpentLease], hidden like claimed ones: the broker moves them to the dead-letter
	// queue. Lease deletes them, or moves them by [Mover]; to all other calls it is no claim.
	Spent []Message
	Lease ClaimID
}

// SpentLease is how long dead letters are kept apart for the broker that moves them.
const SpentLease = 10 * time.Second

// A Claim is a live claim: it holds at least one live message.
type Claim struct {
	ID       ClaimID
	TTL      Seconds
	Age      Seconds   // since it was made or last updated, rounded down
	Messages []Message // those still held and live, oldest first
}

// A ClaimUpdate starts a claim's time anew.
type ClaimUpdate struct {
	TTL   Seconds
	Grace Seconds
}

// A ClaimStore lends messages to workers. All methods are safe for concurrent use. A claim ends once
// now ≥ its last update + TTL, or when it holds no live message any more; its messages are then free at once, in their
// old places.
//
// Wherever a message under a claim would end before the claim does, its TTL becomes claim TTL + grace, and its end the
// claim's end + grace. It is never shortened (law C5).
type ClaimStore interface {
	// Claim leases the oldest free messages, at most c.Limit, under c.ID; the same ID again returns the same messages.
	// Nothing free: no claim, no error. Each message's ClaimCount rises by one and is never lowered.
	Claim(ctx context.Context, q QueueRef, c ClaimRequest) (Claimed, error)

	// Claimed gives a live claim, or ErrNoClaim.
	Claimed(ctx context.Context, q QueueRef, id ClaimID) (Claim, error)

	// UpdateClaim gives a live claim a new TTL from now on, or ErrNoClaim.
	UpdateClaim(ctx context.Context, q QueueRef, id ClaimID, u ClaimUpdate) error

	// Release ends a claim: what it holds is free at once. Releasing what is no claim is no error.
	Release(ctx context.Context, q QueueRef, id ClaimID) error
}

// A DeadLetter says where leased messages go.
type DeadLetter struct {
	Queue QueueRef
	TTL   Seconds // 0: each message's own
}

// A Mover is a DataStore that can move dead letters from one of its queues to another in one transaction, so that a
// crash leaves them in just one. Others have them posted and deleted: at least once after a crash.
type Mover interface {
	// MoveSpent moves those of the messages that lease still holds to the end of d.Queue, as new messages: same body,
	// client and checksum, free, never claimed, living d.TTL (or their own TTL) from now.
	MoveSpent(ctx context.Context, from QueueRef, lease ClaimID, ids []MessageID, d DeadLetter) error
}
