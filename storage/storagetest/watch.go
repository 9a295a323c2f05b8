package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// How soon a signal comes after what it tells of: laws W1 and W2.
const (
	afterChange = 100 * time.Millisecond
	afterEnd    = 50 * time.Millisecond
)

// missed is after how long a signal counts as missed, which no load of the machine excuses.
const missed = 5 * time.Second

// watchCases need a clock that runs. They wait rather than work, so they do it side by side.
func watchCases() []testCase {
	cases := []testCase{
		{"W1 one message wakes one of those who take", oneWakesOne},
		{"W1 several messages wake several of those who take", severalWakeSeveral},
		{"W1 a claim's end wakes one who takes for each message", endWakesSeveral},
		{"W1 one message wakes all who list", oneWakesAllListers},
		{"W1 what came before the look the look finds", lookFindsEarlier},
		{"W1 no wake-up is missed (Par)", noWakeUpMissed},
		{"W4 who went away takes nothing", closedTakesNothing},
		{"W4 who closes a watch passes its signal on", closePassesOn},
		{"W4 a signal that was not acted on goes to the next", passGoesToNext},
	}
	for _, e := range events() {
		cases = append(cases, testCase{e.name, e.run})
	}
	for i, c := range cases {
		cases[i].run = func(t *testing.T, r *rig) {
			t.Parallel()
			c.run(t, r)
		}
	}
	return cases
}

// An event makes a message of a queue visible to somebody who waits, at once or a while later.
type event struct {
	name     string
	interest marconi.Interest
	prepare  func(q *queue) (happen func()) // afterwards nothing is visible
	after    time.Duration                  // from what happens to what is told of
	bound    time.Duration
}

func events() []event {
	take := marconi.Interest{Take: true}
	list := marconi.Interest{Client: observer}
	const second = time.Second
	return []event{
		{"W1 a post wakes who takes", take, nothingPosted, 0, afterChange},
		{"W1 a post wakes who lists", list, nothingPosted, 0, afterChange},
		{"W1 a post of one's own wakes who lists with echo", marconi.Interest{Client: producer, Echo: true}, nothingPosted, 0, afterChange},
		{"W1 a release wakes who takes", take, heldForLong, 0, afterChange},
		{"W1 a release wakes who lists", list, heldForLong, 0, afterChange},
		{"W1 a post wakes who lists claimed messages", marconi.Interest{Client: observer, IncludeClaimed: true}, nothingPosted, 0, afterChange},
		{"W1 a delayed post wakes who lists delayed messages", marconi.Interest{Client: observer, IncludeDelayed: true}, delayedPost, 0, afterChange},
		{"W1 the arrival of a dead letter wakes who takes", take, deadLetter, 0, afterChange},
		{"W1 the arrival of a dead letter wakes who lists", list, deadLetter, 0, afterChange},
		{"W2 a claim's end wakes who takes", take, claimedForOne, second, afterEnd},
		{"W2 a claim's end wakes who lists", list, claimedForOne, second, afterEnd},
		{"W2 an end brought forward wakes who takes", take, endBroughtForward, second, afterEnd},
		{"W2 a delay that is over wakes who takes", take, delayedPost, second, afterEnd},
		{"W2 a delay that is over wakes who lists", list, delayedPost, second, afterEnd},
	}
}

func nothingPosted(q *queue) func() { return func() { q.post("a") } }

func delayedPost(q *queue) func() { return func() { q.postMessages(delayed(1, "a")) } }

func heldForLong(q *queue) func() {
	q.post("a")
	id, _ := q.claim(600, 1)
	return func() { q.release(id) }
}

func claimedForOne(q *queue) func() {
	q.post("a")
	id, _ := q.claim(600, 1)
	return func() { q.update(id, 1, 0) }
}

// endBroughtForward differs from claimedForOne in what waits in between: a timer for the claim's first end.
func endBroughtForward(q *queue) func() {
	q.post("a")
	id, _ := q.claim(600, 1)
	w := q.ds.Watch(q.QueueRef, marconi.Interest{Take: true})
	q.pop(1)
	w.Close()
	return func() { q.update(id, 1, 0) }
}

func deadLetter(q *queue) func() {
	m, ok := q.ds.(marconi.Mover)
	if !ok {
		q.t.Skip("the store is no marconi.Mover")
	}
	from := &queue{QueueRef: newRef(), t: q.t, ds: q.ds}
	from.post("a")
	from.wear()
	_, got := from.spend(1, 1)
	return func() { mustMove(q.t, m, from, got.Lease, idsOf(got.Spent), marconi.DeadLetter{Queue: q.QueueRef}) }
}

// run tries the event up to three times: one try in time shows that the store can, and a machine with more to do than
// cores does make a goroutine wait for its turn, now and then, longer than the bound. A store that is late by design is
// late each time, and a signal that is missed fails at once.
func (e event) run(t *testing.T, r *rig) {
	var late []time.Duration
	for range 3 {
		d := e.once(r.queue(t))
		if d <= e.bound {
			return
		}
		late = append(late, d)
	}
	t.Errorf("signals came %v after the event, want one within %v", late, e.bound)
}

// once reports how long after the event a signal led to the message.
func (e event) once(q *queue) time.Duration {
	q.t.Helper()
	happen := e.prepare(q)
	w := q.ds.Watch(q.QueueRef, e.interest)
	defer w.Close()
	if got := q.look(e.interest); len(got) > 0 {
		q.t.Fatalf("before the event the look found %v", bodies(got))
	}
	happen()
	happened := time.Now()
	return q.woken(w, e.interest).Sub(happened.Add(e.after))
}

// look does what somebody of that interest waits for.
func (q *queue) look(i marconi.Interest) []marconi.Message {
	q.t.Helper()
	if i.Take {
		return q.pop(1)
	}
	return q.list(marconi.Listing{
		Client: i.Client, Echo: i.Echo, IncludeClaimed: i.IncludeClaimed, IncludeDelayed: i.IncludeDelayed,
	}).Items
}

// woken waits for the signal after which a look finds something, and reports when it came. Others may come for nothing.
func (q *queue) woken(w marconi.Watch, i marconi.Interest) time.Time {
	q.t.Helper()
	end := time.After(missed)
	for {
		select {
		case <-w.C():
			came := time.Now()
			if len(q.look(i)) > 0 {
				return came
			}
		case <-end:
			q.t.Fatalf("no signal led to the message within %v; a look finds %v", missed, bodies(q.look(i)))
		}
	}
}

// takers are n who watch and have looked in vain.
func (q *queue) takers(n int) []marconi.Watch {
	q.t.Helper()
	watches := make([]marconi.Watch, n)
	for i := range watches {
		watches[i] = q.ds.Watch(q.QueueRef, marconi.Interest{Take: true})
		q.t.Cleanup(watches[i].Close)
		if got := q.pop(1); len(got) > 0 {
			q.t.Fatalf("an empty queue gave %v", bodies(got))
		}
	}
	return watches
}

// wantWoken checks how many of the watches have a value. It waits for the wanted ones, as long as a loaded machine may
// take, and then for a moment that is long beside the time a signal takes, for more.
func wantWoken(t *testing.T, what string, watches []marconi.Watch, want int) {
	t.Helper()
	woken := map[marconi.Watch]bool{}
	count := func(d time.Duration, enough int) {
		for end := time.Now().Add(d); time.Now().Before(end) && len(woken) < enough; time.Sleep(5 * time.Millisecond) {
			for _, w := range watches {
				select {
				case <-w.C():
					woken[w] = true
				default:
				}
			}
		}
	}
	count(missed, want)
	count(3*afterChange, len(watches))
	if len(woken) != want {
		t.Errorf("%s woke %d of %d, want %d", what, len(woken), len(watches), want)
	}
}

func oneWakesOne(t *testing.T, r *rig) {
	q := r.queue(t)
	watches := q.takers(5)
	q.post("a")
	wantWoken(t, "one message, of those who take,", watches, 1)
}

func severalWakeSeveral(t *testing.T, r *rig) {
	q := r.queue(t)
	watches := q.takers(5)
	q.post("a", "b", "c")
	wantWoken(t, "three messages, of those who take,", watches, 3)
}

func endWakesSeveral(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b", "c")
	q.claim(2, 2) // it may take a second until all wait
	q.claim(600, 1)
	watches := q.takers(4)
	wantWoken(t, "the end of a claim of two messages, of those who take,", watches, 2)
}

func oneWakesAllListers(t *testing.T, r *rig) {
	q := r.queue(t)
	watches := q.takers(1)
	for range 4 {
		w := q.ds.Watch(q.QueueRef, marconi.Interest{Client: observer})
		t.Cleanup(w.Close)
		q.list(marconi.Listing{})
		watches = append(watches, w)
	}
	q.post("a")
	wantWoken(t, "one message, of four who list and one who takes,", watches, 5)
}

func lookFindsEarlier(t *testing.T, r *rig) {
	q := r.queue(t)
	w := q.ds.Watch(q.QueueRef, marconi.Interest{Take: true})
	defer w.Close()
	q.post("a")
	wantBodies(t, "the look after the watch", q.pop(1), "a")
	q.post("b")
	q.woken(w, marconi.Interest{Take: true})
}

func closedTakesNothing(t *testing.T, r *rig) {
	q := r.queue(t)
	watches := q.takers(3)
	for _, w := range watches[:2] {
		w.Close()
		w.Close()
	}
	q.post("a")
	q.woken(watches[2], marconi.Interest{Take: true})
}

// closePassesOn cannot know which of two has the signal: it closes the one, and then, in a second queue, the other.
func closePassesOn(t *testing.T, r *rig) {
	for i := range 2 {
		q := r.queue(t)
		watches := q.takers(2)
		q.post("a")
		time.Sleep(3 * afterChange)
		watches[i].Close()
		q.woken(watches[1-i], marconi.Interest{Take: true})
	}
}

func passGoesToNext(t *testing.T, r *rig) {
	q := r.queue(t)
	watches := q.takers(2)
	q.post("a")
	first, second := watches[0], watches[1]
	select {
	case <-first.C():
	case <-second.C():
		first, second = second, first
	case <-time.After(missed):
		t.Fatalf("nobody was woken within %v", missed)
	}
	first.Pass()
	q.woken(second, marconi.Interest{Take: true})
}

// noWakeUpMissed is where a store fails that signals before what it tells of can be seen, or forgets a signal when two
// come at once: sooner or later somebody waits beside a message.
func noWakeUpMissed(t *testing.T, r *rig) {
	const (
		takers, producers = 4, 2
		each              = 60
		total             = producers * each
	)
	q := r.queue(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	taking, stop := context.WithCancel(ctx)
	defer stop()
	var tasks tasks
	taken := make(chan string, total)
	for range takers {
		tasks.run(func() error { return takeAll(taking, q, taken) })
	}
	for p := range producers {
		tasks.run(func() error { return postSlowly(ctx, q, p, each) })
	}
	tasks.run(func() error {
		defer stop() // but not a post whose message was taken before its answer came
		return waitForAll(taken, total)
	})
	tasks.wait(t)
}

// takeAll pops one by one, waiting to be woken in between, until ctx ends.
func takeAll(ctx context.Context, q *queue, taken chan<- string) error {
	w := q.ds.Watch(q.QueueRef, marconi.Interest{Take: true})
	defer w.Close()
	for ctx.Err() == nil {
		got, err := q.ds.Pop(ctx, q.QueueRef, 1)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("pop: %w", err)
		}
		if len(got) > 0 {
			taken <- string(got[0].Body)
			continue
		}
		select {
		case <-w.C():
		case <-ctx.Done():
		}
	}
	return nil
}

func postSlowly(ctx context.Context, q *queue, p, n int) error {
	for i := range n {
		m := message(longTTL, fmt.Sprintf("%d-%d", p, i))
		if _, err := q.ds.Post(ctx, q.QueueRef, marconi.Post{Client: producer, Messages: []marconi.NewMessage{m}}); err != nil {
			return fmt.Errorf("post: %w", err)
		}
		time.Sleep(time.Duration(i%4) * time.Millisecond) // sometimes takers wait, sometimes they lag
	}
	return nil
}

func waitForAll(taken <-chan string, total int) error {
	for n := range total {
		select {
		case <-taken:
		case <-time.After(missed):
			return fmt.Errorf("only %d of %d messages were taken: those who wait were not woken for %v", n, total, missed)
		}
	}
	return nil
}
