package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/marconi-mq/marconi"
)

// Health is the report of a run of every operation.
type Health struct {
	Reachable  bool
	Volume     marconi.Volume
	Operations []OperationStatus // in the order they ran
}

// An OperationStatus is how one step of the run went.
type OperationStatus struct {
	Name      string // create_queue, post_messages, …
	Succeeded bool
	Took      time.Duration
	Ref       string // finds the error of a failed step in the log; "" if it succeeded
}

// What the run does.
const (
	healthMessages                 = 100
	healthTTL      marconi.Seconds = 600
	healthClaim    marconi.Seconds = 60
	healthGrace    marconi.Seconds = 300
	healthClient                   = marconi.ClientID("00000000-0000-4000-8000-6d6172636f6e")
)

// A healthReport is the last run made. It posts real messages: asked often, it is given again for a while.
type healthReport struct {
	interval time.Duration

	mu   sync.Mutex // guards what follows, and lets one run at a time
	made time.Time
	last []OperationStatus
}

// Health counts all messages, runs every operation on a queue made for it, and reports how they went. A step that fails
// doesn't end the run, but for making the queue. A run is reported again until the configured interval is over. The error
// is Unavailable if the messages can't even be counted.
func (b *Broker) Health(ctx context.Context) (Health, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpHealth)
	if err != nil {
		return Health{}, err
	}
	defer bound.End()
	volume, err := b.data.Volume(ctx)
	if err != nil {
		return Health{}, b.named(ctx, "count all queues", marconi.QueueKey{}, err)
	}
	return Health{Reachable: b.ping(ctx) == nil, Volume: volume, Operations: b.lastRun(ctx)}, nil
}

func (b *Broker) lastRun(ctx context.Context) []OperationStatus {
	b.health.mu.Lock()
	defer b.health.mu.Unlock()
	if b.health.made.IsZero() || time.Since(b.health.made) >= b.health.interval {
		b.health.last, b.health.made = b.exercise(ctx), time.Now()
	}
	return b.health.last
}

// An exercise is a run of every operation. It talks to the stores: the caller's rights are not what is tested.
type exercise struct {
	b       *Broker
	key     marconi.QueueKey
	ref     marconi.QueueRef
	claim   marconi.ClaimID
	claimed []marconi.MessageID
	posted  []marconi.MessageID
}

func (b *Broker) exercise(ctx context.Context) []OperationStatus {
	x := &exercise{b: b, claim: newClaimID(), key: marconi.QueueKey{
		Project: marconi.Project(uuid.NewString()),
		Name:    marconi.QueueName(uuid.NewString()),
	}}
	created := x.step(ctx, "create_queue", x.createQueue)
	if !created.Succeeded {
		return []OperationStatus{created}
	}
	return []OperationStatus{
		created,
		x.step(ctx, "post_messages", x.post),
		x.step(ctx, "claim_messages", x.claimMessages),
		x.step(ctx, "list_messages", x.list),
		x.step(ctx, "delete_messages", x.deleteClaimed),
		x.step(ctx, "delete_claim", x.release),
		x.step(ctx, "bulk_delete_messages", x.deleteRest),
		x.step(ctx, "delete_queue", x.deleteQueue),
	}
}

func (x *exercise) step(ctx context.Context, name string, do func(context.Context) error) OperationStatus {
	start := time.Now()
	err := do(ctx)
	status := OperationStatus{Name: name, Succeeded: err == nil, Took: time.Since(start)}
	if err != nil {
		status.Ref = uuid.NewString()
		x.b.log.LogAttrs(ctx, slog.LevelError, "health check failed",
			slog.String("operation", name), slog.String("ref", status.Ref), slog.Any("error", err))
	}
	return status
}

func (x *exercise) createQueue(ctx context.Context) error {
	q, _, err := x.b.control.CreateQueue(ctx, x.key, noMetadata)
	x.ref = q.QueueRef
	return err
}

func (x *exercise) post(ctx context.Context) (err error) {
	messages := make([]marconi.NewMessage, healthMessages)
	for i := range messages {
		messages[i] = marconi.NewMessage{TTL: healthTTL, Body: fmt.Appendf(nil, `{"health": %d}`, i)}
	}
	x.posted, err = x.b.data.Post(ctx, x.ref, marconi.Post{Client: healthClient, Messages: messages})
	return err
}

func (x *exercise) claimMessages(ctx context.Context) error {
	claimed, err := x.b.data.Claim(ctx, x.ref, marconi.ClaimRequest{
		ID: x.claim, TTL: healthClaim, Grace: healthGrace, Limit: marconi.DefaultPage,
	})
	for _, m := range claimed.Messages {
		x.claimed = append(x.claimed, m.ID)
	}
	return err
}

func (x *exercise) list(ctx context.Context) error {
	_, err := x.b.data.List(ctx, x.ref, marconi.Listing{Limit: marconi.DefaultPage, Echo: true})
	return err
}

func (x *exercise) deleteClaimed(ctx context.Context) error {
	for _, id := range x.claimed {
		if err := x.b.data.Delete(ctx, x.ref, id, x.claim); err != nil {
			return fmt.Errorf("delete message %s: %w", id, err)
		}
	}
	return nil
}

func (x *exercise) release(ctx context.Context) error { return x.b.data.Release(ctx, x.ref, x.claim) }

func (x *exercise) deleteRest(ctx context.Context) error {
	return x.b.data.DeleteMessages(ctx, x.ref, x.posted, nil)
}

func (x *exercise) deleteQueue(ctx context.Context) error {
	ref, err := x.b.control.DeleteQueue(ctx, x.key)
	if err != nil {
		return err
	}
	return x.b.data.DeleteQueue(ctx, ref)
}
