package lying

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
)

// A sharer gives a message that a worker has to another one, too, while it keeps the first waiting for the answer to a delete:
// of an earlier message of its claim, if the lie is ClaimTwice, and of that very message, if it is HandTwice.
type sharer struct {
	marconi.DataStore
	*teller
	lie Lie

	mu     sync.Mutex // guards what follows, and the offer
	claims map[marconi.ClaimID][]marconi.Message
	about  map[marconi.MessageID]bool // was on offer
	offer  *offer                     // nil: there is none
}

// An offer is a message that waits for a second worker.
type offer struct {
	message marconi.Message
	queue   marconi.QueueRef
	caller  string          // who has it
	by      marconi.ClaimID // the claim that took it; "": none has
	taken   chan struct{}   // closed when a claim has
	known   chan struct{}   // closed when its worker deletes something, and so has had the answer
}

// How long a worker is kept waiting for a second one, and for what that one does next.
const (
	offerFor = time.Second
	knownFor = 10 * time.Second
)

func newSharer(d marconi.DataStore, t *teller, l Lie) *sharer {
	return &sharer{DataStore: d, teller: t, lie: l, claims: map[marconi.ClaimID][]marconi.Message{}, about: map[marconi.MessageID]bool{}}
}

// Claim claims, and adds what is on offer.
func (s *sharer) Claim(ctx context.Context, q marconi.QueueRef, r marconi.ClaimRequest) (marconi.Claimed, error) {
	got, err := s.DataStore.Claim(ctx, q, r)
	if err != nil {
		return got, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.offer
	if o != nil && o.by == "" && o.queue == q && o.caller != callerOf(ctx).id && len(got.Messages) < r.Limit {
		again := o.message
		again.Claim = r.ID
		got.Messages = append([]marconi.Message{again}, got.Messages...)
		o.by = r.ID
		close(o.taken)
	}
	if len(got.Messages) > 0 {
		s.claims[r.ID] = slices.Clone(got.Messages)
	}
	return got, nil
}

// Delete deletes, and keeps the worker waiting if this is the one to lie about.
func (s *sharer) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	o, shared := s.next(ctx, q, id, claim)
	switch {
	case shared: // it was given to this worker, and so is its to delete
		return s.DataStore.DeleteMessages(ctx, q, []marconi.MessageID{id}, nil)
	case o == nil:
		return s.DataStore.Delete(ctx, q, id, claim)
	}
	if s.lie == HandTwice {
		err := s.DataStore.Delete(ctx, q, id, claim)
		s.wait(o)
		return err
	}
	s.wait(o)
	return s.DataStore.Delete(ctx, q, id, claim)
}

// next makes the offer of this delete, if there is to be one, and notes what the delete says of the offer there is. Shared: it
// is of what was on offer, by whom it was given to.
func (s *sharer) next(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) (o *offer, shared bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.offer; o != nil {
		if o.by != "" && o.by == claim {
			s.offer = nil
			close(o.known)
			return nil, id == o.message.ID
		}
		return nil, false
	}
	held := s.claims[claim]
	i := slices.IndexFunc(held, func(m marconi.Message) bool { return m.ID == id })
	last := len(held) - 1
	if i == last {
		delete(s.claims, claim)
	}
	if i < 0 || s.lie == ClaimTwice && i == last {
		return nil, false
	}
	if s.lie == ClaimTwice {
		i = last
	}
	if s.about[held[i].ID] || !s.due() {
		return nil, false
	}
	s.about[held[i].ID] = true
	s.offer = &offer{message: held[i], queue: q, caller: callerOf(ctx).id, taken: make(chan struct{}), known: make(chan struct{})}
	return s.offer, false
}

// wait waits until a second worker has the message and shows that it knows.
func (s *sharer) wait(o *offer) {
	select {
	case <-o.taken:
	case <-time.After(offerFor):
		if s.withdraw(o) {
			s.gaveUp()
			return
		}
	}
	select {
	case <-o.known:
	case <-time.After(knownFor):
	}
	s.lied(o.message.ID)
}

// withdraw takes an offer back, unless it was taken in the last moment.
func (s *sharer) withdraw(o *offer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.by != "" {
		return false
	}
	s.offer = nil
	return true
}

// A reviver hands a message out anew to the worker who has deleted it, with its next claim: it has had the answer to its
// delete by then.
type reviver struct {
	marconi.DataStore
	*teller

	mu   sync.Mutex // guards what follows
	held map[marconi.MessageID]marconi.Message
	dead map[place][]marconi.Message
}

// Claim claims, and adds one that was deleted.
func (r *reviver) Claim(ctx context.Context, q marconi.QueueRef, request marconi.ClaimRequest) (marconi.Claimed, error) {
	got, err := r.DataStore.Claim(ctx, q, request)
	if err != nil {
		return got, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range got.Messages {
		r.held[m.ID] = m
	}
	at := placeOf(ctx, q)
	if dead := r.dead[at]; len(dead) > 0 && len(got.Messages) < request.Limit {
		again := dead[0]
		again.Claim = request.ID
		got.Messages = append([]marconi.Message{again}, got.Messages...)
		r.dead[at] = dead[1:]
		r.lied(again.ID)
	}
	return got, nil
}

// Delete deletes, and keeps what is to be handed out anew.
func (r *reviver) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	err := r.DataStore.Delete(ctx, q, id, claim)
	r.mu.Lock()
	defer r.mu.Unlock()
	m, known := r.held[id]
	delete(r.held, id)
	if err == nil && known && r.due() {
		r.dead[placeOf(ctx, q)] = append(r.dead[placeOf(ctx, q)], m)
	}
	return err
}

// A keeper does not release what it says that it does.
type keeper struct {
	marconi.DataStore
	*teller

	mu   sync.Mutex // guards what follows
	held map[marconi.ClaimID][]marconi.MessageID
}

// Claim claims, and notes what the claim got.
func (k *keeper) Claim(ctx context.Context, q marconi.QueueRef, r marconi.ClaimRequest) (marconi.Claimed, error) {
	got, err := k.DataStore.Claim(ctx, q, r)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range got.Messages {
		k.held[r.ID] = append(k.held[r.ID], m.ID)
	}
	return got, err
}

// Release releases, unless this release is one to lie about.
func (k *keeper) Release(ctx context.Context, q marconi.QueueRef, id marconi.ClaimID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.held[id]) == 0 || !k.due() {
		return k.DataStore.Release(ctx, q, id)
	}
	k.lied(k.held[id]...)
	return nil
}
