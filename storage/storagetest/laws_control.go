package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"pgregory.net/rapid"
)

func controlLawCases() []testCase {
	return []testCase{
		{"every answer is the model's (Seq)", controlAnswersAreTheModels},
	}
}

func controlAnswersAreTheModels(t *testing.T, r *rig) {
	rapid.Check(t, func(rt *rapid.T) { newControlMachine(t, rt, r).run() })
}

// A controlMachine drives a control store and its model, which is a map.
type controlMachine struct {
	t        testing.TB
	rt       *rapid.T
	cs       marconi.ControlStore
	projects []marconi.Project
	names    []string
	model    map[marconi.QueueKey]marconi.Queue
	seen     map[marconi.Incarnation]bool
	history  []string
}

func newControlMachine(t testing.TB, rt *rapid.T, r *rig) *controlMachine {
	suffix := marconi.Project(randomHex(6)) // a store serves many runs
	return &controlMachine{
		t: t, rt: rt, cs: r.control(t),
		projects: []marconi.Project{"a" + suffix, "A" + suffix, "a." + suffix},
		names:    []string{"a", "B", "a.b", "_", "10", "9"},
		model:    map[marconi.QueueKey]marconi.Queue{},
		seen:     map[marconi.Incarnation]bool{},
	}
}

func (m *controlMachine) run() {
	operations := []func(){m.create, m.create, m.create, m.get, m.set, m.delete, m.delete, m.list, m.list, m.adopt}
	m.rt.Repeat(map[string]func(*rapid.T){"step": func(*rapid.T) {
		rapid.SampledFrom(operations).Draw(m.rt, "operation")()
	}})
	for i := range m.projects {
		m.page(i, marconi.QueueListing{Limit: anyPage, Detailed: true})
	}
}

func (m *controlMachine) compare(call, got, want string) {
	m.history = append(m.history, fmt.Sprintf("  %s = %s", call, got))
	if got != want {
		m.rt.Fatalf("%s\n     got %s\n    want %s\n\nhistory:\n%s", call, got, want, strings.Join(m.history, "\n"))
	}
}

// key draws a queue, and how to call it.
func (m *controlMachine) key() (marconi.QueueKey, string) {
	p := rapid.IntRange(0, len(m.projects)-1).Draw(m.rt, "project")
	name := rapid.SampledFrom(m.names).Draw(m.rt, "name")
	return marconi.QueueKey{Project: m.projects[p], Name: marconi.QueueName(name)}, fmt.Sprintf("p%d/%s", p+1, name)
}

func (m *controlMachine) metadata() marconi.Metadata {
	return marconi.Metadata(rapid.SampledFrom([]string{"", "{}", `{"a": 1}`, `{"b": 2}`}).Draw(m.rt, "metadata"))
}

// stored is what becomes of metadata.
func stored(md marconi.Metadata) marconi.Metadata {
	if len(md) == 0 {
		return marconi.Metadata("{}")
	}
	return md
}

func controlFailure(err error, otherwise string) string {
	if errors.Is(err, marconi.ErrNoQueue) {
		return "error " + marconi.ErrNoQueue.Code
	}
	if err != nil {
		return "error " + err.Error()
	}
	return otherwise
}

// checkRef compares a queue's ref with the model's, silently: it holds random bits, which have no place in a history.
func (m *controlMachine) checkRef(call string, got marconi.QueueRef, want marconi.QueueRef) {
	if got != want {
		m.compare(call+", the queue's project, name and incarnation", "another's", "its own")
	}
}

func (m *controlMachine) create() {
	key, name := m.key()
	md := m.metadata()
	call := fmt.Sprintf("CreateQueue %s %s", name, md)
	got, created, err := m.cs.CreateQueue(m.t.Context(), key, md)
	old, there := m.model[key]
	want := stored(md)
	if there {
		want = old.Metadata
	}
	m.compare(call, controlFailure(err, fmt.Sprintf("%s, new %v", got.Metadata, created)), fmt.Sprintf("%s, new %v", want, !there))
	if there {
		m.checkRef(call, got.QueueRef, old.QueueRef)
		return
	}
	m.checkRef(call, marconi.QueueRef{QueueKey: got.QueueKey, Incarnation: 1}, marconi.QueueRef{QueueKey: key, Incarnation: 1})
	if m.seen[got.Incarnation] {
		m.compare(call+", incarnation", "that of an earlier queue", "a new one")
	}
	m.seen[got.Incarnation] = true
	m.model[key] = marconi.Queue{QueueRef: got.QueueRef, Metadata: want}
}

func (m *controlMachine) get() {
	key, name := m.key()
	got, err := m.cs.Queue(m.t.Context(), key)
	want, there := m.model[key]
	m.compare("Queue "+name, controlFailure(err, string(got.Metadata)), m.orNone(there, string(want.Metadata)))
	m.checkRef("Queue "+name, got.QueueRef, want.QueueRef)
}

func (m *controlMachine) orNone(there bool, otherwise string) string {
	if !there {
		return "error " + marconi.ErrNoQueue.Code
	}
	return otherwise
}

func (m *controlMachine) set() {
	key, name := m.key()
	md := stored(m.metadata())
	err := m.cs.SetMetadata(m.t.Context(), key, md)
	q, there := m.model[key]
	m.compare(fmt.Sprintf("SetMetadata %s %s", name, md), controlFailure(err, "done"), m.orNone(there, "done"))
	if there {
		q.Metadata = md
		m.model[key] = q
	}
}

func (m *controlMachine) delete() {
	key, name := m.key()
	ref, err := m.cs.DeleteQueue(m.t.Context(), key)
	want, there := m.model[key]
	m.compare("DeleteQueue "+name, controlFailure(err, "done"), m.orNone(there, "done"))
	m.checkRef("DeleteQueue "+name, ref, want.QueueRef)
	delete(m.model, key)
}

func (m *controlMachine) adopt() {
	key, name := m.key()
	ref := marconi.QueueRef{QueueKey: key, Incarnation: newIncarnation()}
	got, err := m.cs.AdoptQueue(m.t.Context(), ref)
	_, there := m.model[key]
	m.compare("AdoptQueue "+name, controlFailure(err, fmt.Sprint(got)), fmt.Sprint(!there))
	if !there {
		m.model[key] = marconi.Queue{QueueRef: ref, Metadata: marconi.Metadata("{}")}
	}
}

func (m *controlMachine) list() {
	p := rapid.IntRange(0, len(m.projects)-1).Draw(m.rt, "project")
	marker := rapid.SampledFrom(append([]string{"", "A", "a-", "~"}, m.names...)).Draw(m.rt, "marker")
	m.page(p, marconi.QueueListing{
		Marker: marconi.Marker(marker), Limit: rapid.IntRange(1, 4).Draw(m.rt, "limit"), Detailed: rapid.Bool().Draw(m.rt, "detailed"),
	})
}

func (m *controlMachine) page(p int, l marconi.QueueListing) {
	call := fmt.Sprintf("ListQueues p%d behind %q, limit %d, detailed %v", p+1, l.Marker, l.Limit, l.Detailed)
	page, err := m.cs.ListQueues(m.t.Context(), m.projects[p], l)
	var want []marconi.Queue
	for key, q := range m.model {
		if key.Project == m.projects[p] && string(key.Name) > string(l.Marker) {
			want = append(want, q)
		}
	}
	slices.SortFunc(want, func(a, b marconi.Queue) int { return strings.Compare(string(a.Name), string(b.Name)) })
	want = firstOf(want, l.Limit)
	m.compare(call, controlFailure(err, showQueues(page.Items)), showQueues(want))
	for i, q := range want {
		m.checkRef(call, page.Items[i].QueueRef, q.QueueRef)
		if l.Detailed {
			m.compare(fmt.Sprintf("%s, metadata of %s", call, q.Name), string(page.Items[i].Metadata), string(q.Metadata))
		}
	}
	if err := checkQueuePage(m.projects[p], l, page); err != nil {
		m.compare(call, err.Error(), "a page in order")
	}
}

func showQueues(queues []marconi.Queue) string {
	var names []string
	for _, q := range queues {
		names = append(names, string(q.Name))
	}
	return fmt.Sprintf("%q", names)
}
