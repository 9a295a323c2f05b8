package storagetest

import (
	"context"
	"sync"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// lineHarness is memory behind a line, so that the Crash forms run here too. The store of each Open has one.
func lineHarness(wrap func(marconi.DataStore) marconi.DataStore) Harness {
	h := memoryHarness()
	openMemory := h.Open
	var lines sync.Map
	h.Open = func(t testing.TB, o storage.Options) storage.Opened {
		s := openMemory(t, o)
		line := &memoryLine{}
		s.Data = wrap(&cutStore{base: newBase(s.Data), line: line})
		if s.Control != nil {
			s.Control = &cutControl{ControlStore: s.Control, line: line}
		}
		lines.Store(s.Data, line)
		return s
	}
	h.Cut = func(t testing.TB, s storage.Opened) Line {
		line, _ := lines.Load(s.Data)
		return line.(Line)
	}
	return h
}

func TestDataBehindALine(t *testing.T) {
	h := lineHarness(func(ds marconi.DataStore) marconi.DataStore { return ds })
	runGroups(t, open(t, h), []group{{"crash", crashLawCases()}})
}

func TestControlBehindALine(t *testing.T) {
	h := lineHarness(func(ds marconi.DataStore) marconi.DataStore { return ds })
	runGroups(t, open(t, h), []group{{"crash", controlCrashCases()}})
}

// A base is a data store that is a Mover, to be embedded by stores that do one thing differently.
type base struct {
	marconi.DataStore
	marconi.Mover
}

func newBase(ds marconi.DataStore) base { return base{DataStore: ds, Mover: ds.(marconi.Mover)} }

// A memoryLine has one reply a call.
type memoryLine struct {
	mu     sync.Mutex // guards what follows
	broken bool
	lose   int // the reply to be lost, from 1; 0: none
	lost   bool
}

func (l *memoryLine) LoseReply(n int) func() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose, l.lost = n+1, false
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lose = 0
		return l.lost
	}
}

func (l *memoryLine) Break() { l.setBroken(true) }

func (l *memoryLine) Mend() { l.setBroken(false) }

func (l *memoryLine) setBroken(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = broken
}

// call carries a call out, unless the line is broken, and loses its reply if that is its turn.
func (l *memoryLine) call(carryOut func() error) error {
	l.mu.Lock()
	broken := l.broken
	l.mu.Unlock()
	if broken {
		return marconi.ErrUnavailable
	}
	err := carryOut()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose == 0 {
		return err
	}
	if l.lose--; l.lose > 0 {
		return err
	}
	l.lost = true
	return marconi.ErrUnavailable
}

// A cutStore is a store at the other end of a line.
type cutStore struct {
	base
	line *memoryLine
}

func (s *cutStore) Ping(ctx context.Context) error {
	return s.line.call(func() error { return s.base.Ping(ctx) })
}

func (s *cutStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) (ids []marconi.MessageID, err error) {
	err = s.line.call(func() (err error) { ids, err = s.base.Post(ctx, q, p); return err })
	return ids, err
}

func (s *cutStore) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (page marconi.Page[marconi.Message], err error) {
	err = s.line.call(func() (err error) { page, err = s.base.List(ctx, q, l); return err })
	return page, err
}

func (s *cutStore) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (m marconi.Message, err error) {
	err = s.line.call(func() (err error) { m, err = s.base.Message(ctx, q, id); return err })
	return m, err
}

func (s *cutStore) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	return s.line.call(func() error { return s.base.Delete(ctx, q, id, claim) })
}

func (s *cutStore) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	return s.line.call(func() error { return s.base.DeleteMessages(ctx, q, ids, claims) })
}

func (s *cutStore) Pop(ctx context.Context, q marconi.QueueRef, limit int) (got []marconi.Message, err error) {
	err = s.line.call(func() (err error) { got, err = s.base.Pop(ctx, q, limit); return err })
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (s *cutStore) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (got marconi.Claimed, err error) {
	err = s.line.call(func() (err error) { got, err = s.base.Claim(ctx, q, c); return err })
	return got, err
}

func (s *cutStore) UpdateClaim(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID, u marconi.ClaimUpdate) error {
	return s.line.call(func() error { return s.base.UpdateClaim(ctx, q, id, u) })
}

func (s *cutStore) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	return s.line.call(func() error { return s.base.Release(ctx, q, id) })
}

func (s *cutStore) Stats(ctx context.Context, q marconi.QueueRef) (stats marconi.Stats, err error) {
	err = s.line.call(func() (err error) { stats, err = s.base.Stats(ctx, q); return err })
	return stats, err
}

func (s *cutStore) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) error {
	return s.line.call(func() error { return s.base.MoveSpent(ctx, from, lease, ids, d) })
}

// A cutControl is a control store at the other end of a line.
type cutControl struct {
	marconi.ControlStore
	line *memoryLine
}

func (s *cutControl) Ping(ctx context.Context) error {
	return s.line.call(func() error { return s.ControlStore.Ping(ctx) })
}

func (s *cutControl) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (q marconi.Queue, created bool, err error) {
	err = s.line.call(func() (err error) { q, created, err = s.ControlStore.CreateQueue(ctx, key, m); return err })
	return q, created, err
}

func (s *cutControl) Queue(ctx context.Context, key marconi.QueueKey) (q marconi.Queue, err error) {
	err = s.line.call(func() (err error) { q, err = s.ControlStore.Queue(ctx, key); return err })
	return q, err
}

func (s *cutControl) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	return s.line.call(func() error { return s.ControlStore.SetMetadata(ctx, key, m) })
}

func (s *cutControl) DeleteQueue(ctx context.Context, key marconi.QueueKey) (ref marconi.QueueRef, err error) {
	err = s.line.call(func() (err error) { ref, err = s.ControlStore.DeleteQueue(ctx, key); return err })
	return ref, err
}

func (s *cutControl) ListQueues(ctx context.Context, p marconi.Project, l marconi.QueueListing) (page marconi.Page[marconi.Queue], err error) {
	err = s.line.call(func() (err error) { page, err = s.ControlStore.ListQueues(ctx, p, l); return err })
	return page, err
}
