package storagetest

import (
	"context"
	"time"

	"github.com/marconi-mq/marconi"
)

// A hooked store does what the store in it does, but for the calls that are set: there it is broken.
type hooked struct {
	base
	now func() time.Time

	post     func(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error)
	list     func(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error)
	message  func(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error)
	first    func(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error)
	del      func(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error
	delAll   func(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error
	pop      func(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error)
	claim    func(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error)
	claimed  func(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error)
	update   func(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error
	release  func(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error
	stats    func(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error)
	watch    func(q marconi.QueueRef, i marconi.Interest) marconi.Watch
	drop     func(ctx context.Context, q marconi.QueueRef) error
	collect  func(ctx context.Context) (int, error)
	bind     func(ctx context.Context, control string, adopt bool) error
	moveDead func(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) error
}

func (h *hooked) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if h.post != nil {
		return h.post(ctx, q, p)
	}
	return h.base.Post(ctx, q, p)
}

func (h *hooked) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	if h.list != nil {
		return h.list(ctx, q, l)
	}
	return h.base.List(ctx, q, l)
}

func (h *hooked) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	if h.message != nil {
		return h.message(ctx, q, id)
	}
	return h.base.Message(ctx, q, id)
}

func (h *hooked) First(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	if h.first != nil {
		return h.first(ctx, q, end)
	}
	return h.base.First(ctx, q, end)
}

func (h *hooked) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	if h.del != nil {
		return h.del(ctx, q, id, claim)
	}
	return h.base.Delete(ctx, q, id, claim)
}

func (h *hooked) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	if h.delAll != nil {
		return h.delAll(ctx, q, ids, claims)
	}
	return h.base.DeleteMessages(ctx, q, ids, claims)
}

func (h *hooked) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	if h.pop != nil {
		return h.pop(ctx, q, limit)
	}
	return h.base.Pop(ctx, q, limit)
}

func (h *hooked) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	if h.claim != nil {
		return h.claim(ctx, q, c)
	}
	return h.base.Claim(ctx, q, c)
}

func (h *hooked) Claimed(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) (marconi.Claim, error) {
	if h.claimed != nil {
		return h.claimed(ctx, q, id)
	}
	return h.base.Claimed(ctx, q, id)
}

func (h *hooked) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	if h.update != nil {
		return h.update(ctx, q, id, u)
	}
	return h.base.UpdateClaim(ctx, q, id, u)
}

func (h *hooked) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	if h.release != nil {
		return h.release(ctx, q, id)
	}
	return h.base.Release(ctx, q, id)
}

func (h *hooked) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	if h.stats != nil {
		return h.stats(ctx, q)
	}
	return h.base.Stats(ctx, q)
}

func (h *hooked) Watch(q marconi.QueueRef, i marconi.Interest) marconi.Watch {
	if h.watch != nil {
		return h.watch(q, i)
	}
	return h.base.Watch(q, i)
}

func (h *hooked) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	if h.drop != nil {
		return h.drop(ctx, q)
	}
	return h.base.DeleteQueue(ctx, q)
}

func (h *hooked) Collect(ctx context.Context) (int, error) {
	if h.collect != nil {
		return h.collect(ctx)
	}
	return h.base.Collect(ctx)
}

func (h *hooked) Bind(ctx context.Context, control string, adopt bool) error {
	if h.bind != nil {
		return h.bind(ctx, control, adopt)
	}
	return h.base.Bind(ctx, control, adopt)
}

func (h *hooked) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) error {
	if h.moveDead != nil {
		return h.moveDead(ctx, from, lease, ids, d)
	}
	return h.base.MoveSpent(ctx, from, lease, ids, d)
}

// A hookedControl is the same for control stores.
type hookedControl struct {
	marconi.ControlStore

	create func(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error)
	set    func(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error
	list   func(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error)
	adopt  func(ctx context.Context, q marconi.QueueRef) (bool, error)
}

func (h *hookedControl) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
	if h.create != nil {
		return h.create(ctx, key, m)
	}
	return h.ControlStore.CreateQueue(ctx, key, m)
}

func (h *hookedControl) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	if h.set != nil {
		return h.set(ctx, key, m)
	}
	return h.ControlStore.SetMetadata(ctx, key, m)
}

func (h *hookedControl) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
	if h.list != nil {
		return h.list(ctx, p, l)
	}
	return h.ControlStore.ListQueues(ctx, p, l)
}

func (h *hookedControl) AdoptQueue(ctx context.Context, q marconi.QueueRef) (bool, error) {
	if h.adopt != nil {
		return h.adopt(ctx, q)
	}
	return h.ControlStore.AdoptQueue(ctx, q)
}
