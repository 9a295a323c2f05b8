package marconi_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/marconi-mq/marconi"
)

// errMischief is trouble that nobody can name, as stores have it.
var errMischief = errors.New("something is rotten in the store")

// mischief stands round both stores of a server and does what a script's store directive says:
//
//	good                nothing
//	faulty              every operation fails
//	no-message-delete   single messages can't be deleted
//	no-queue-create     queues can't be made
//	no-pools            queues can't be listed
//	volume 1 2 3        all queues together hold 1 free message, 2 claimed ones, 3 in total
type mischief struct {
	mu     sync.Mutex // guards what follows
	mode   string
	volume marconi.Volume
}

func (m *mischief) set(words []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch mode := strings.Join(words, " "); {
	case mode == "good", mode == "faulty", failing[mode] != "":
		m.mode = mode
	case words[0] == "volume" && len(words) == 4:
		m.mode = "volume"
		for i, to := range []*int64{&m.volume.Free, &m.volume.Claimed, &m.volume.Total} {
			n, err := strconv.ParseInt(words[i+1], 10, 64)
			if err != nil {
				return err
			}
			*to = n
		}
	default:
		return fmt.Errorf("a store can't be %q", mode)
	}
	return nil
}

// failing are the operations that fail alone.
var failing = map[string]string{
	"no-message-delete": "Delete",
	"no-queue-create":   "CreateQueue",
	"no-pools":          "ListQueues",
}

// at is the error of an operation at the moment.
func (m *mischief) at(operation string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mode == "faulty" || failing[m.mode] == operation {
		return fmt.Errorf("%s: %w", operation, errMischief)
	}
	return nil
}

func (m *mischief) data(d marconi.DataStore) marconi.DataStore {
	wrapped := mischievousData{d, m}
	if mover, can := d.(marconi.Mover); can {
		return mischievousMover{wrapped, mover}
	}
	return wrapped
}

func (m *mischief) control(c marconi.ControlStore) marconi.ControlStore {
	return mischievousControl{c, m}
}

// mischievousData lets through what it does not override: what happens at the start and the end, and waiting.
type mischievousData struct {
	marconi.DataStore
	*mischief
}

type mischievousMover struct {
	mischievousData
	mover marconi.Mover
}

func (d mischievousMover) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, to marconi.DeadLetter) error {
	if err := d.at("MoveSpent"); err != nil {
		return err
	}
	return d.mover.MoveSpent(ctx, from, lease, ids, to)
}

// unless gives what do gives, or the error of the moment.
func unless[T any](err error, do func() (T, error)) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return do()
}

func (d mischievousData) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	return unless(d.at("Post"), func() ([]marconi.MessageID, error) { return d.DataStore.Post(ctx, q, p) })
}

func (d mischievousData) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	return unless(d.at("List"), func() (marconi.Page[marconi.Message], error) { return d.DataStore.List(ctx, q, l) })
}

func (d mischievousData) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	return unless(d.at("Message"), func() (marconi.Message, error) { return d.DataStore.Message(ctx, q, id) })
}

func (d mischievousData) Messages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	return unless(d.at("Messages"), func() ([]marconi.Message, error) { return d.DataStore.Messages(ctx, q, ids) })
}

func (d mischievousData) First(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	return unless(d.at("First"), func() (marconi.Message, error) { return d.DataStore.First(ctx, q, end) })
}

func (d mischievousData) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	if err := d.at("Delete"); err != nil {
		return err
	}
	return d.DataStore.Delete(ctx, q, id, claim)
}

func (d mischievousData) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	if err := d.at("DeleteMessages"); err != nil {
		return err
	}
	return d.DataStore.DeleteMessages(ctx, q, ids, claims)
}

func (d mischievousData) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	return unless(d.at("Pop"), func() ([]marconi.Message, error) { return d.DataStore.Pop(ctx, q, limit) })
}

func (d mischievousData) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	return unless(d.at("Claim"), func() (marconi.Claimed, error) { return d.DataStore.Claim(ctx, q, c) })
}

func (d mischievousData) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	return unless(d.at("Claimed"), func() (marconi.Claim, error) { return d.DataStore.Claimed(ctx, q, id) })
}

func (d mischievousData) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	if err := d.at("UpdateClaim"); err != nil {
		return err
	}
	return d.DataStore.UpdateClaim(ctx, q, id, u)
}

func (d mischievousData) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	if err := d.at("Release"); err != nil {
		return err
	}
	return d.DataStore.Release(ctx, q, id)
}

func (d mischievousData) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	return unless(d.at("Stats"), func() (marconi.Stats, error) { return d.DataStore.Stats(ctx, q) })
}

func (d mischievousData) Volume(ctx context.Context) (marconi.Volume, error) {
	d.mu.Lock()
	mode, volume := d.mode, d.volume
	d.mu.Unlock()
	if mode == "volume" {
		return volume, nil
	}
	return unless(d.at("Volume"), func() (marconi.Volume, error) { return d.DataStore.Volume(ctx) })
}

func (d mischievousData) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	if err := d.at("DeleteQueue"); err != nil {
		return err
	}
	return d.DataStore.DeleteQueue(ctx, q)
}

func (d mischievousData) Purge(ctx context.Context, q marconi.QueueRef) error {
	if err := d.at("Purge"); err != nil {
		return err
	}
	return d.DataStore.Purge(ctx, q)
}

func (d mischievousData) Ping(ctx context.Context) error {
	if err := d.at("Ping"); err != nil {
		return err
	}
	return d.DataStore.Ping(ctx)
}

// mischievousControl is the same for queues.
type mischievousControl struct {
	marconi.ControlStore
	*mischief
}

func (c mischievousControl) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
	if err := c.at("CreateQueue"); err != nil {
		return marconi.Queue{}, false, err
	}
	return c.ControlStore.CreateQueue(ctx, key, m)
}

func (c mischievousControl) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	return unless(c.at("Queue"), func() (marconi.Queue, error) { return c.ControlStore.Queue(ctx, key) })
}

func (c mischievousControl) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	if err := c.at("SetMetadata"); err != nil {
		return err
	}
	return c.ControlStore.SetMetadata(ctx, key, m)
}

func (c mischievousControl) DeleteQueue(ctx context.Context, key marconi.QueueKey) (marconi.QueueRef, error) {
	return unless(c.at("DeleteQueue"), func() (marconi.QueueRef, error) { return c.ControlStore.DeleteQueue(ctx, key) })
}

func (c mischievousControl) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	return unless(c.at("ListQueues"), func() (marconi.Page[marconi.Queue], error) { return c.ControlStore.ListQueues(ctx, p, l) })
}

func (c mischievousControl) Ping(ctx context.Context) error {
	if err := c.at("Ping"); err != nil {
		return err
	}
	return c.ControlStore.Ping(ctx)
}
