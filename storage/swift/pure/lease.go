package pure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// leaseAll takes the leases of all the chosen, in parallel.
func (a *attempt) leaseAll(ctx context.Context, chosen []*candidate) error {
	free := a.freedom(ctx)
	return a.s.parallel(len(chosen), func(i int) error {
		c := chosen[i]
		if c.generation > 0 && !a.mayFollow(ctx, c, free) {
			return nil
		}
		return a.lease(ctx, c)
	})
}

// mayFollow reports whether the lease before has ended for good, and is known as it was at last.
func (a *attempt) mayFollow(ctx context.Context, c *candidate, free func(leaseAttributes) bool) bool {
	before := c.record.lease
	var ended, known bool
	_ = a.s.parallel(2, func(i int) error {
		if i == 0 {
			ended = free(before)
		} else {
			known = a.readBefore(ctx, c)
		}
		return nil
	})
	return ended && known
}

// readBefore asks all replicas for the lease before. A renewal may have put off the message's end in it, or a claim have disowned it, and no
// listing show that yet. Where they give no clear answer the message is left alone, for it would end too early; so is one that turns out to be
// a dead letter, or to be none.
func (a *attempt) readBefore(ctx context.Context, c *candidate) bool {
	l, found, err := a.s.leaseAt(ctx, a.at.lease(c.name, c.generation))
	if err != nil || !found {
		if err == nil {
			a.s.tellHidden(ctx, a.at, &c.record)
		}
		return false
	}
	c.putOff(l)
	c.record.lease.count = l.count
	return a.isSpent(&c.record) == (c.grip == a.spent)
}

// hiddenFor is how long ago a lease must have been made that can't be found, until that is told: before, it may just have been deleted.
const hiddenFor = time.Hour

// tellHidden logs, once, that a lease is listed and can't be found, though its message is there: until that ends no claim takes it. What to
// do about it only people can say: servers that have the lease may come back.
func (s *Store) tellHidden(ctx context.Context, at place, r *record) {
	lease := at.lease(r.name, r.generation)
	if s.o.Now().Sub(r.leased) <= hiddenFor || s.hidden.Has(lease) {
		return
	}
	if _, err := s.c.Head(ctx, at.message(r.name), true); err != nil {
		return
	}
	s.hidden.Add(lease)
	s.o.Logger.Warn("no claim takes a message, since an object is listed and Swift can't find it; delete that if its servers do not come back",
		"container", lease.Container, "object", lease.Name)
}

// leaseAt asks all replicas for a lease.
func (s *Store) leaseAt(ctx context.Context, at objects.Path) (l leaseAttributes, found bool, err error) {
	o, err := s.c.Head(ctx, at, true)
	if isMissing(err) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("look for a lease: %w", err)
	}
	l, found = parseLease(o.ContentType)
	return l, found, nil
}

// putOff notes the message's end that its lease says, if it is later than what a listing showed.
func (r *record) putOff(l leaseAttributes) {
	if l.until > r.lease.until {
		r.lease.until, r.lease.ttl = l.until, l.ttl
	}
}

// lease takes the next lease of a message. Only 201 says that it is ours; where nobody can say, it is read back.
func (a *attempt) lease(ctx context.Context, c *candidate) error {
	c.extend(a.now)
	path := a.at.lease(c.name, c.generation+1)
	err := a.s.c.Put(ctx, path, []byte(c.grip.id), c.leaseAttributes(), objects.Anew)
	switch {
	case err == nil:
		c.stored, c.won = true, true
	case errors.Is(err, objects.ErrExists), errors.Is(err, objects.ErrNotStored), errors.Is(err, objects.ErrContainer):
		return nil
	default:
		mine, lookErr := a.isMine(ctx, c)
		c.stored, c.won = mine || lookErr != nil, mine
		if lookErr != nil {
			return fmt.Errorf("lease message %s: %w", c.name, err)
		}
	}
	return nil
}

// isMine reads back whose a lease is.
func (a *attempt) isMine(ctx context.Context, c *candidate) (bool, error) {
	l, found, err := a.s.leaseAt(ctx, a.at.lease(c.name, c.generation+1))
	return found && l.claim == c.grip.id && l.birth == c.grip.birth, err
}

// giveBack frees, later, what the attempt may have taken and does not give to anybody: it would be hidden as long as the claim lives.
func (a *attempt) giveBack() {
	for _, c := range a.unsure {
		a.s.reaper.addTask(task{soon: true, do: func(ctx context.Context) error { return a.disown(ctx, c) }})
	}
}

// disown makes a lease of this attempt name no life of any claim. It stays, for its name must not become free.
func (a *attempt) disown(ctx context.Context, c *candidate) error {
	mine, err := a.isMine(ctx, c)
	if err != nil || !mine {
		return err
	}
	before := c.record.lease
	before.claim, before.birth = c.grip.id, ""
	to := objects.Attributes{ContentType: before.String(), DeleteAt: c.leaseAttributes().DeleteAt}
	if err := a.s.c.Post(ctx, a.at.lease(c.name, c.generation+1), to); err != nil && !isMissing(err) {
		return fmt.Errorf("give message %s back: %w", c.name, err)
	}
	a.s.lookSoon(a.q)
	return nil
}

// extend settles what the lease says: how often the message was claimed, and how long it lives (law C5).
func (c *candidate) extend(now int64) {
	l := leaseAttributes{claim: c.grip.id, birth: c.grip.birth, count: c.record.lease.count, until: c.record.lease.until, ttl: c.record.lease.ttl}
	if c.grip.counts {
		l.count++
		if ends := now + c.grip.content.TTL.Duration().Milliseconds(); c.ends() < ends {
			l.ttl = c.grip.content.TTL + c.grip.grace
			l.until = ends + c.grip.grace.Duration().Milliseconds()
		}
	}
	c.taken = l
}

func (c *candidate) leaseAttributes() objects.Attributes {
	r := c.leased()
	return objects.Attributes{ContentType: c.taken.String(), DeleteAt: unixSeconds(max(r.message.keptUntil(), keptUntil(r.ends())))}
}

// leased is the record with the new lease.
func (c *candidate) leased() record {
	r := c.record
	r.generation, r.lease = c.generation+1, c.taken
	return r
}

func (c *candidate) held() held {
	r := c.leased()
	return heldAs(&r)
}

// show is the message as it is under the new lease.
func (a *attempt) show(c *candidate) marconi.Message {
	v := &view{now: a.now, claims: map[marconi.ClaimID]claimAttributes{c.grip.id: c.grip.claimAttributes}}
	r := c.leased()
	return v.show(&r, c.body)
}

// freedom gives a function that tells whether the claim of a lease has ended for good. Each claim is asked for once.
func (a *attempt) freedom(ctx context.Context) func(leaseAttributes) bool {
	var mu sync.Mutex
	asked := map[claimKey]func() bool{}
	return func(l leaseAttributes) bool {
		key := claimKey{l.claim, l.birth}
		mu.Lock()
		ask := asked[key]
		if ask == nil {
			ask = sync.OnceValue(func() bool { return a.hasEnded(ctx, l) })
			asked[key] = ask
		}
		mu.Unlock()
		free := ask()
		if !free {
			mu.Lock()
			a.busy[key] = true
			mu.Unlock()
		}
		return free
	}
}

// hasEnded asks all replicas for a claim. Whatever is no clear answer means that it lives. A renewal by this process is
// waited for: begun later, it finds that the claim has ended.
func (a *attempt) hasEnded(ctx context.Context, l leaseAttributes) bool {
	at := a.at.claim(l.claim)
	unlock, err := a.s.renewing.lock(ctx, at)
	if err != nil {
		return false
	}
	defer unlock()
	o, err := a.s.c.Head(ctx, at, true)
	if isMissing(err) {
		return true
	}
	c, ok := parseClaim(l.claim, o.ContentType)
	if err != nil || !ok {
		return false
	}
	margin := clockMargin.Milliseconds()
	if c.node == a.s.names.node {
		margin = 0
	}
	return c.birth != l.birth || c.ends+margin <= a.s.millis()
}

// verifyAll looks, with all replicas asked, whether the leases are ours and the messages there, and gets their bodies.
func (a *attempt) verifyAll(ctx context.Context, chosen []*candidate) error {
	won := chosen[:0:0]
	for _, c := range chosen {
		if c.won {
			won = append(won, c)
		}
	}
	sure := make([]bool, 2*len(won))
	err := a.s.parallel(len(sure), func(i int) (err error) {
		c := won[i/2]
		if i%2 == 0 {
			sure[i], err = a.isMine(ctx, c)
		} else {
			sure[i], err = a.fetch(ctx, c)
		}
		if err != nil {
			return fmt.Errorf("verify the lease of message %s: %w", c.name, err)
		}
		return nil
	})
	for i, c := range won {
		c.won = sure[2*i] && sure[2*i+1]
	}
	return err
}

// fetch gets the body. A message that is to live longer than Swift keeps it is kept longer.
func (a *attempt) fetch(ctx context.Context, c *candidate) (there bool, err error) {
	at := a.at.message(c.name)
	o, err := a.s.c.Get(ctx, at, true)
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.body = o.Body
	m, err := a.s.keepLonger(ctx, at, o, c.taken.until)
	if isMissing(err) {
		return false, nil
	}
	c.message.kept = m.kept
	return err == nil, err
}

// outlives reports whether something that ends then, in milliseconds, outlives an X-Delete-At.
func outlives(ends, kept int64) bool { return ends > kept*1000 }

// errHiddenMessage says that a message is listed, or was found a moment ago, and can't be found. Servers that have it may be away: to say that it
// is kept would let it end before its time.
var errHiddenMessage = errors.New("it can't be found in Swift at present")

// keepLonger keeps the object of a message, which was found like that, until a while after its end. A POST that fails is made again behind a
// look only: the answer may have been lost, or another process have kept the message longer since. Nor is one 404 believed, for the
// message was just there: only the look says that it has gone, by ErrMissing.
func (s *Store) keepLonger(ctx context.Context, at objects.Path, o objects.Object, ends int64) (messageAttributes, error) {
	for n := 1; ; n++ {
		m, ok := parseMessage(o.ContentType)
		if !ok || !outlives(ends, m.keptUntil()) {
			return m, nil
		}
		m.kept = keptUntil(ends)
		err := s.c.Post(ctx, at, m.attributes())
		if err == nil {
			return m, nil
		}
		if isMissing(err) {
			err = errHiddenMessage
		}
		if n == tries || pause.For(ctx, retryAfter<<n) != nil {
			return m, fmt.Errorf("keep message %s longer: %w", messageOf(at.Name), err)
		}
		if o, err = s.c.Head(ctx, at, true); err != nil {
			return m, fmt.Errorf("look for message %s: %w", messageOf(at.Name), err)
		}
	}
}
