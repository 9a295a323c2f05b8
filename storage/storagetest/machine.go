package storagetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"pgregory.net/rapid"
)

// A machine drives a store and the model with the same calls and compares their answers. It speaks of messages, claims
// and queues by short names of its own, so that a history reads well and is the same when it is played again.
type machine struct {
	t     testing.TB // the test, for the clock
	rt    *rapid.T   // the run
	clock *clock
	ds    marconi.DataStore
	model *model
	begun time.Time // by the store's clock
	real  time.Time // the same moment by ours

	slots   []*slot // the queues in play
	ids     []marconi.MessageID
	names   map[marconi.MessageID]string
	claims  []marconi.ClaimID // claims, leases, and IDs that never were any
	leases  map[marconi.ClaimID][]marconi.MessageID
	aliases map[marconi.ClaimID]string

	history []string
}

// A slot is a queue in play. Its ref changes when the queue is deleted and made again.
type slot struct {
	name    string
	ref     marconi.QueueRef
	markers []placed
}

// placed is a marker and the place that it means in the model.
type placed struct {
	name   string
	marker marconi.Marker
	place  int
}

// garbage stands for IDs that no store gave.
const garbage = "; DROP TABLE queues"

func newMachine(t testing.TB, rt *rapid.T, r *rig) *machine {
	m := &machine{
		t: t, rt: rt, clock: r.clock, ds: r.data(t), begun: r.clock.Now(), real: time.Now(),
		ids:     []marconi.MessageID{garbage},
		names:   map[marconi.MessageID]string{garbage: "nonsense"},
		claims:  []marconi.ClaimID{garbage},
		leases:  map[marconi.ClaimID][]marconi.MessageID{},
		aliases: map[marconi.ClaimID]string{garbage: "nonsense"},
	}
	m.model = newModel(r.clock.Now)
	projects := rapid.Permutation([]marconi.Project{"", "a", "a.b", "a/b", "a}{b", nastyProjects()[len(nastyProjects())-1]}).Draw(rt, "projects")
	for _, n := range []marconi.QueueName{"q", "q.messages", "q.q"} {
		for _, p := range projects[:2] {
			m.slots = append(m.slots, &slot{name: fmt.Sprintf("q%d", len(m.slots)+1), ref: refOf(p, n)})
		}
	}
	m.slots = m.slots[:rapid.SampledFrom([]int{1, 2, 6}).Draw(rt, "number of queues")] // one alone is filled best
	return m
}

// frozen stops the model's clock at one moment, so that a clock of the store's own cannot pass a second's end between
// the call and the model's answer to it.
func (m *machine) frozen() {
	now := m.clock.Now()
	m.model.now = func() time.Time { return now }
}

// operations are what a step can do, and how often of a hundred times: some 30 have to do with claims.
func (m *machine) operations() []operation {
	all := []operation{
		{"post", 11, m.post}, {"list", 9, m.list}, {"get", 3, m.get}, {"get many", 3, m.getMany}, {"first", 5, m.first},
		{"delete", 6, m.delete}, {"delete many", 6, m.deleteMany}, {"pop", 4, m.pop},
		{"claim", 14, m.claim}, {"claimed", 4, m.claimed}, {"update", 5, m.update}, {"release", 5, m.release},
		{"stats", 6, m.stats}, {"pass", 11, m.pass}, {"collect", 3, m.collect}, {"purge", 1, m.purge}, {"delete queue", 1, m.deleteQueue},
	}
	if _, ok := m.ds.(marconi.Mover); ok {
		all = append(all, operation{"move", 5, m.move})
	}
	return all
}

// An operation is drawn by its name, so that rapid's report says which.
type operation struct {
	name string
	rate int
	do   func()
}

// tellable reports whether a run over a store with a clock of its own can be judged still. Up to the limit of a second,
// its clock has moved on by whole seconds and a part of one, so that whatever lasts some seconds is over in the store
// exactly if it is in the model.
func (m *machine) tellable(limit time.Duration) bool {
	return m.clock.turned() || time.Since(m.real) < limit
}

// step does one operation, chosen at random.
func (m *machine) step(*rapid.T) {
	if !m.tellable(time.Second / 2) {
		return
	}
	// A clock of the store's own gets no rest: what happens at one moment there may be at two for the model.
	if !m.clock.turned() || rapid.Bool().Draw(m.rt, "later") {
		m.clock.tick()
	}
	m.frozen()
	operations := m.operations()
	var names []string
	for _, o := range operations {
		names = append(names, slices.Repeat([]string{o.name}, o.rate)...)
	}
	name := rapid.SampledFrom(names).Draw(m.rt, "operation")
	operations[slices.IndexFunc(operations, func(o operation) bool { return o.name == name })].do()
}

// run does a random number of operations, then looks at everything there is.
func (m *machine) run() {
	for range 2 { // more than rapid's steps, for they fill a queue and empty it again
		m.rt.Repeat(map[string]func(*rapid.T){"step": m.step})
	}
	for _, s := range m.slots {
		m.frozen()
		m.page(s, placed{name: "the start"}, marconi.Listing{Limit: 1000, Client: observer, Echo: true, IncludeClaimed: true, IncludeDelayed: true})
		m.compareStats(s)
	}
}

// compare checks an answer, written as text, against those wanted, and keeps the history.
func (m *machine) compare(call, got string, want ...string) {
	m.history = append(m.history, fmt.Sprintf("%8.3fs  %s = %s", m.model.now().Sub(m.begun).Seconds(), call, got))
	for _, w := range want {
		if got == w {
			return
		}
	}
	if !m.tellable(time.Second) {
		m.rt.Skip("the machine was too slow for a store with a clock of its own")
	}
	m.rt.Fatalf("%s\n     got %s\n    want %s\n\nhistory:\n%s", call, got, strings.Join(want, "\n      or "), strings.Join(m.history, "\n"))
}

func (m *machine) ctx() context.Context { return m.t.Context() }

// learn gives messages short names. An ID that comes again breaks law P2.
func (m *machine) learn(ids ...marconi.MessageID) {
	for _, id := range ids {
		if old, known := m.names[id]; known {
			m.rt.Fatalf("the ID of %s was given again: law P2\n\nhistory:\n%s", old, strings.Join(m.history, "\n"))
		}
		m.names[id] = fmt.Sprintf("m%d", len(m.names))
		m.ids = append(m.ids, id)
	}
}

func (m *machine) learnClaim(prefix string, id marconi.ClaimID) {
	m.aliases[id] = fmt.Sprintf("%s%d", prefix, len(m.aliases))
	m.claims = append(m.claims, id)
}

// show writes messages down with all that a store says of them.
func (m *machine) show(messages []marconi.Message) string {
	if len(messages) == 0 {
		return "nothing"
	}
	var all []string
	for _, msg := range messages {
		text := fmt.Sprintf("%s(%s ttl %d age %d claimed %d", m.nameOf(msg.ID), msg.Body, msg.TTL, msg.Age, msg.ClaimCount)
		if m.clock.turned() {
			text += fmt.Sprintf(" at %.3f", msg.Created.Sub(m.begun).Seconds())
		}
		if msg.Client == observer {
			text += " by observer"
		}
		if msg.Checksum != "" {
			text += " " + msg.Checksum
		}
		if msg.Claim != "" {
			text += " under " + m.aliasOf(msg.Claim)
		}
		all = append(all, text+")")
	}
	return strings.Join(all, " ")
}

func (m *machine) nameOf(id marconi.MessageID) string {
	if name, known := m.names[id]; known {
		return name
	}
	return "an unknown message"
}

func (m *machine) namesOf(ids []marconi.MessageID) string {
	all := []string{}
	for _, id := range ids {
		all = append(all, m.nameOf(id))
	}
	return strings.Join(all, " ")
}

func (m *machine) aliasOf(id marconi.ClaimID) string {
	if alias, known := m.aliases[id]; known {
		return alias
	}
	if id == "" {
		return "no claim"
	}
	return "an unknown claim"
}

func (m *machine) aliasesOf(ids []marconi.ClaimID) string {
	all := []string{}
	for _, id := range ids {
		all = append(all, m.aliasOf(id))
	}
	return strings.Join(all, " ")
}

// failure writes an error down as its code, or what came if there was none.
func failure(err error, otherwise string) string {
	if err == nil {
		return otherwise
	}
	for _, e := range []*marconi.Error{
		marconi.ErrNoMessage, marconi.ErrNoClaim, marconi.ErrEmptyQueue, marconi.ErrClaimed, marconi.ErrNotOwner, marconi.ErrNotClaimed,
	} {
		if isErr(err, e) {
			return "error " + e.Code
		}
	}
	return "error " + err.Error()
}

// outcomes are what a call may say that answers one of these errors, or done if there is none.
func outcomes(errs []*marconi.Error) []string {
	if len(errs) == 0 {
		return []string{"done"}
	}
	var all []string
	for _, e := range errs {
		all = append(all, "error "+e.Code)
	}
	return all
}

// pick gives one of those known, oldest first so that shrinking finds the simplest.
func pick[T any](m *machine, what string, from []T) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(m.rt, what)]
}

func (m *machine) number(what string, from, to int) int {
	return rapid.IntRange(from, to).Draw(m.rt, what)
}

func (m *machine) seconds(what string, from, to int) marconi.Seconds {
	return marconi.Seconds(m.number(what, from, to))
}

// ttl is short, mostly. A long one is where a store is found out that looks for what ended only when something else does.
func (m *machine) ttl() marconi.Seconds { return pick(m, "ttl", []marconi.Seconds{1, 2, 3, 4, 5, 600}) }

// rarely is true once in n.
func (m *machine) rarely(what string, n int) bool { return m.number(what, 1, n) == n }

func (m *machine) slot() *slot { return pick(m, "queue", m.slots) }

func (m *machine) somebody() marconi.ClientID {
	return pick(m, "client", []marconi.ClientID{producer, observer})
}

// someMessage draws a message: mostly one that the queue has, else any that there ever was, or none.
func (m *machine) someMessage(s *slot) marconi.MessageID {
	if here := idsOf(m.model.all(s.ref)); len(here) > 0 && !m.rarely("is any", 4) {
		return pick(m, "message", here)
	}
	return pick(m, "message", m.ids)
}

func (m *machine) someMessages(s *slot) []marconi.MessageID {
	var ids []marconi.MessageID
	for range m.number("number of messages", 1, 4) {
		ids = append(ids, m.someMessage(s))
	}
	return ids
}

// someClaim draws a claim or lease: mostly one that the queue has, else any that there ever was, or none.
func (m *machine) someClaim(s *slot) marconi.ClaimID {
	q := m.model.queue(s.ref)
	var here []marconi.ClaimID
	for _, id := range m.claims {
		if len(m.model.held(q, id)) > 0 {
			here = append(here, id)
		}
	}
	if len(here) > 0 && !m.rarely("is any", 4) {
		return pick(m, "claim", here)
	}
	return pick(m, "claim", m.claims)
}
