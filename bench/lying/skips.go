package lying

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
)

// A skipper leaves claimed messages out of what auditors are shown. A message is skipped while the answer to its claim is
// held back, so that no delete of it can have been sent.
type skipper struct {
	marconi.DataStore
	*teller

	mu      sync.Mutex // guards what follows
	captive *captive   // nil: none is held
}

// A captive is a claim whose answer is held back until an auditor has been shown a page without its first message.
type captive struct {
	queue  marconi.QueueRef
	victim marconi.MessageID
	shown  *place        // who was shown that page; nil: nobody yet
	told   chan struct{} // closed when somebody was
	known  chan struct{} // closed when he asks anew, and so has had the page
}

// captiveFor bounds how long a claim waits for an auditor.
const captiveFor = time.Second

// aside is how much younger the client's next message is at least that proves the skip: its post was sent when the skipped
// one's had long been answered, and so stands behind it for certain.
const aside = 150 * time.Millisecond

// Claim claims, and holds the answer back if this is the claim to lie about.
func (s *skipper) Claim(ctx context.Context, q marconi.QueueRef, r marconi.ClaimRequest) (marconi.Claimed, error) {
	got, err := s.DataStore.Claim(ctx, q, r)
	if err != nil || len(got.Messages) == 0 {
		return got, err
	}
	c := s.hold(q, got.Messages[0].ID)
	if c == nil {
		return got, nil
	}
	select {
	case <-c.told:
	case <-time.After(captiveFor):
	}
	if s.free(c) {
		s.gaveUp()
		return got, nil
	}
	select {
	case <-c.known:
	case <-time.After(knownFor):
	}
	s.lied(c.victim)
	return got, nil
}

// free lets a captive go about whom nobody was lied to.
func (s *skipper) free(c *captive) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.shown == nil {
		s.captive = nil
	}
	return c.shown == nil
}

// hold makes a captive, unless there is one, or it is not the time to lie.
func (s *skipper) hold(q marconi.QueueRef, victim marconi.MessageID) *captive {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.captive != nil || !s.due() {
		return nil
	}
	s.captive = &captive{queue: q, victim: victim, told: make(chan struct{}), known: make(chan struct{})}
	return s.captive
}

// List lists. An auditor who is about to see the captive's message is shown what comes before it until there is proof behind
// it, and then what comes behind it.
func (s *skipper) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	at := placeOf(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.captive
	if c != nil && c.shown != nil && *c.shown == at {
		s.captive = nil
		close(c.known)
		c = nil
	}
	page, err := s.DataStore.List(ctx, q, l)
	if err != nil || c == nil || c.queue != q || c.shown != nil || !l.Echo || !l.IncludeClaimed {
		return page, err
	}
	i := slices.IndexFunc(page.Items, func(m marconi.Message) bool { return m.ID == c.victim })
	switch {
	case i < 0:
	case proven(page.Items[i], page.Items[i+1:]):
		c.shown = &at
		close(c.told)
		page.Items = slices.Delete(slices.Clone(page.Items), i, i+1)
	default:
		return s.before(ctx, q, l, i)
	}
	return page, nil
}

// before is the beginning of a page.
func (s *skipper) before(ctx context.Context, q marconi.QueueRef, l marconi.Listing, n int) (marconi.Page[marconi.Message], error) {
	if n == 0 {
		return marconi.Page[marconi.Message]{}, nil
	}
	l.Limit = n
	return s.DataStore.List(ctx, q, l)
}

func proven(m marconi.Message, behind []marconi.Message) bool {
	next := slices.IndexFunc(behind, func(b marconi.Message) bool { return b.Client == m.Client })
	return next >= 0 && behind[next].Created.Sub(m.Created) >= aside
}
