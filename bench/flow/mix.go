package flow

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
)

// A mix drives several kinds of operations, of each the share that its workload says: posts, and the looks of those who read
// and ask. Workers follow.
type mix struct {
	*producers
	shares []plan.Share // that add up to 1
	seats  map[plan.Role][]*seat
}

// A seat is one who looks when it is his turn: once at a time, since he goes on from where he was. Readers read on to the end when
// nobody drives them any more.
type seat struct {
	mu   sync.Mutex // held while he looks
	look func(ctx context.Context, at moment)
}

// newMix makes a mix of the posts and of those of the cast who would otherwise look at a rhythm of their own.
func (t *Traffic) newMix(posts *producers) *mix {
	m := &mix{producers: posts, seats: map[plan.Role][]*seat{}}
	t.actors = slices.DeleteFunc(t.actors, func(a actor) bool {
		switch a := a.(type) {
		case *reader:
			m.seats[a.role] = append(m.seats[a.role], &seat{look: func(ctx context.Context, at moment) { a.page(ctx, at) }})
			a.from = func() time.Duration { return t.end.to }
			t.readOn = append(t.readOn, a)
			return true
		case *monitor:
			for i := range a.handles {
				m.seats[a.role] = append(m.seats[a.role], &seat{look: func(ctx context.Context, at moment) { a.ask(ctx, i, at) }})
			}
			return true
		}
		return false
	})
	sum := 0.0
	for _, s := range t.workload.Describe().Mix {
		if t.workload.Count(s.Role) > 0 {
			m.shares, sum = append(m.shares, s), sum+s.Of
		}
	}
	for i := range m.shares {
		m.shares[i].Of /= sum
	}
	posts.kind = func(number int) plan.Role { return m.pick(m.turn(number)) }
	return m
}

// turn is what is drawn for an operation.
func (m *mix) turn(number int) *rand.Rand { return schedule.Stream(m.Seed, "mix", 0, number) }

// pick gives the role whose turn it is.
func (m *mix) pick(random *rand.Rand) plan.Role {
	at := random.Float64()
	for _, s := range m.shares {
		if at -= s.Of; at < 0 {
			return s.Role
		}
	}
	return m.role // the shares add up to almost 1
}

func (m *mix) drive(ctx context.Context, start, length time.Duration) error {
	return m.Traffic.drive(ctx, start, length, m)
}

// offer counts posts. A look is counted when it is known whether it found something.
func (m *mix) offer(number int, intended time.Duration) {
	if m.kind(number) == m.role {
		m.producers.offer(number, intended)
	}
}

func (m *mix) do(ctx context.Context, connection int, d schedule.Due) {
	random := m.turn(d.Number)
	role := m.pick(random)
	if role == m.role {
		m.producers.do(ctx, connection, d)
		return
	}
	s := m.seats[role][random.IntN(len(m.seats[role]))]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look(ctx, moment{d.Intended, d.Woke})
}

func (m *mix) giveUp(connection int, d schedule.Due, now time.Duration) {
	role := m.kind(d.Number)
	if role == m.role {
		m.producers.giveUp(connection, d, now)
		return
	}
	looks := m.Traffic.meter(role, looking(role))
	looks.Offer(d.Intended)
	looks.Unsent(connection, d.Intended, now)
}

// looking is the operation of a role that looks.
func looking(role plan.Role) string {
	if role == plan.Monitors {
		return "stats"
	}
	return "list"
}
