package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/marconi-mq/marconi"
)

func queueListCases() []testCase {
	return []testCase{
		{"Q3 fifteen queues are a page of ten and one of five", fifteenQueues},
		{"Q3 queues come by the bytes of their names", queuesByBytes},
		{"Q3 metadata comes when it is asked for", listDetailed},
		{"Q3 a marker outlives its queue", queueMarkerOutlives},
		{"Q3 a marker need not be a queue", queueMarkerIsAName},
		{"Q3 the last page has a marker for what comes later", lastQueuePage},
		{"Q3 nothing skipped, nothing twice (Par)", queueListPar},
		{"of makers at one moment one wins (Par)", creationRace},
		{"a queue made and deleted at once stays whole (Par)", creationDeletionRace},
	}
}

func (p *project) list(l marconi.QueueListing) marconi.Page[marconi.Queue] {
	p.t.Helper()
	if l.Limit == 0 {
		l.Limit = anyPage
	}
	page, err := p.cs.ListQueues(p.t.Context(), p.name, l)
	if err != nil {
		p.t.Fatalf("ListQueues(%+v): %v", l, err)
	}
	if err := checkQueuePage(p.name, l, page); err != nil {
		p.t.Fatal(err)
	}
	return page
}

// checkQueuePage checks what holds of every page of queues: Next is the last name, names rise, none is another's.
func checkQueuePage(p marconi.Project, l marconi.QueueListing, page marconi.Page[marconi.Queue]) error {
	n := len(page.Items)
	if n > l.Limit {
		return fmt.Errorf("ListQueues(%+v) gave %d queues: more than its limit", l, n)
	}
	if n > 0 && page.Next != marconi.Marker(page.Items[n-1].Name) {
		return fmt.Errorf("ListQueues(%+v): next marker %q, want the last name, %q", l, page.Next, page.Items[n-1].Name)
	}
	before := string(l.Marker)
	for _, q := range page.Items {
		if string(q.Name) <= before || q.Project != p || q.Incarnation == 0 || (q.Metadata != nil) != l.Detailed {
			return fmt.Errorf("ListQueues(%+v) in project %.20q: queue %+v behind %q", l, p, q, before)
		}
		before = string(q.Name)
	}
	return nil
}

func queueNames(page marconi.Page[marconi.Queue]) []string {
	names := []string{}
	for _, q := range page.Items {
		names = append(names, string(q.Name))
	}
	return names
}

func wantQueues(t testing.TB, what string, page marconi.Page[marconi.Queue], want ...string) {
	t.Helper()
	if got := queueNames(page); !slices.Equal(got, want) {
		t.Errorf("%s = %q, want %q", what, got, want)
	}
}

// wantNames checks which queues the project has.
func (p *project) wantNames(want ...string) {
	p.t.Helper()
	wantQueues(p.t, fmt.Sprintf("queues of project %.20q", p.name), p.list(marconi.QueueListing{}), want...)
}

// numbered are names that sort as their numbers.
func numbered(from, to int) []string {
	var names []string
	for i := from; i <= to; i++ {
		names = append(names, fmt.Sprintf("q%03d", i))
	}
	return names
}

func fifteenQueues(t *testing.T, r *rig) {
	r = r.fresh(t)
	scoped, global := r.project(t), r.projectAt(t, "")
	for _, name := range slices.Backward(numbered(1, 15)) {
		scoped.mustCreate(name)
		global.mustCreate("global-" + name)
	}
	l := marconi.QueueListing{Limit: marconi.DefaultPage}
	for _, want := range [][]string{numbered(1, 10), numbered(11, 15), {}} {
		page := scoped.list(l)
		wantQueues(t, fmt.Sprintf("page behind %q", l.Marker), page, want...)
		l.Marker = page.Next
	}
	page := global.list(marconi.QueueListing{Limit: 1})
	wantQueues(t, "first page of the global queues", page, "global-q001")
	if rest := global.list(marconi.QueueListing{Marker: page.Next}); len(rest.Items) != 14 {
		t.Errorf("behind it there are %d global queues, want 14", len(rest.Items))
	}
}

func queuesByBytes(t *testing.T, r *rig) {
	p := r.project(t)
	names := []string{"-", ".b", "0", "10", "9", "A", "B", "Z", "_", "a", "a-b", "a.b", "aB", "a_b", "aa", "b", "z"}
	for i := range names {
		p.mustCreate(names[(i*7)%len(names)])
	}
	p.wantNames(names...)
	for i, name := range names {
		page := p.list(marconi.QueueListing{Marker: marconi.Marker(name), Limit: 2})
		wantQueues(t, fmt.Sprintf("two queues behind %q", name), page, names[i+1:min(i+3, len(names))]...)
	}
}

func listDetailed(t *testing.T, r *rig) {
	p := r.project(t)
	first, _ := p.create("a", `{"a": 1}`)
	p.create("b", "")
	page := p.list(marconi.QueueListing{Detailed: true})
	wantQueues(t, "queues", page, "a", "b")
	if got := page.Items[0]; got.QueueRef != first.QueueRef || string(got.Metadata) != `{"a": 1}` {
		t.Errorf("listed queue = %+v with metadata %s, want %+v with {\"a\": 1}", got.QueueRef, got.Metadata, first.QueueRef)
	}
}

func queueMarkerOutlives(t *testing.T, r *rig) {
	p := r.project(t)
	p.mustCreate(numbered(1, 5)...)
	page := p.list(marconi.QueueListing{Limit: 3})
	for _, name := range numbered(2, 3) {
		p.delete(name)
	}
	p.mustCreate("q0025")
	wantQueues(t, "behind the deleted q003", p.list(marconi.QueueListing{Marker: page.Next}), "q004", "q005")
}

func queueMarkerIsAName(t *testing.T, r *rig) {
	p := r.project(t)
	p.mustCreate("B", "b", "c")
	for marker, want := range map[marconi.Marker][]string{
		"":                         {"B", "b", "c"},
		"A":                        {"B", "b", "c"},
		"C":                        {"b", "c"},
		"b\x00":                    {"c"},
		"bb":                       {"c"},
		"'; DROP TABLE queues; --": {"B", "b", "c"},
		"~":                        {},
		"\xff":                     {},
		"ä":                        {},
	} {
		wantQueues(t, fmt.Sprintf("queues behind %q", marker), p.list(marconi.QueueListing{Marker: marker}), want...)
	}
}

func lastQueuePage(t *testing.T, r *rig) {
	p := r.project(t)
	p.mustCreate("a", "b")
	page := p.list(marconi.QueueListing{Limit: 2})
	wantQueues(t, "behind the last queue", p.list(marconi.QueueListing{Marker: page.Next}))
	p.mustCreate("c")
	wantQueues(t, "behind the last page, after another queue was made", p.list(marconi.QueueListing{Marker: page.Next}), "c")
}

// queueListPar makes and deletes queues between those that stay, which every listing shows once.
func queueListPar(t *testing.T, r *rig) {
	p := r.project(t)
	stay := numbered(1, 40)
	p.mustCreate(stay...)
	ctx, cancel := context.WithCancel(t.Context())
	var changes, listings tasks
	for w := range 2 {
		changes.run(func() error { return makeAndDelete(ctx, p, w) })
	}
	for range 3 {
		listings.run(func() error { return listStaying(t.Context(), p, stay) })
	}
	listings.wg.Wait()
	cancel()
	changes.wait(t)
	listings.wait(t)
	p.wantNames(stay...)
}

func makeAndDelete(ctx context.Context, p *project, worker int) error {
	for i := 0; ctx.Err() == nil; i++ {
		key := p.key(fmt.Sprintf("q%03d-%d", i%40, worker))
		if _, created, err := p.cs.CreateQueue(p.t.Context(), key, nil); err != nil {
			return fmt.Errorf("CreateQueue %q: %w", key.Name, err)
		} else if !created {
			return fmt.Errorf("CreateQueue %q: the queue was there already", key.Name)
		}
		if _, err := p.cs.DeleteQueue(p.t.Context(), key); err != nil {
			return fmt.Errorf("DeleteQueue %q: %w", key.Name, err)
		}
	}
	return nil
}

func listStaying(ctx context.Context, p *project, stay []string) error {
	for range 10 {
		var seen []string
		l := marconi.QueueListing{Limit: 7}
		for {
			page, err := p.cs.ListQueues(ctx, p.name, l)
			if err != nil {
				return fmt.Errorf("ListQueues(%+v): %w", l, err)
			}
			if err := checkQueuePage(p.name, l, page); err != nil {
				return err
			}
			if len(page.Items) == 0 {
				break
			}
			seen = append(seen, queueNames(page)...)
			l.Marker = page.Next
		}
		seen = slices.DeleteFunc(seen, func(name string) bool { return !slices.Contains(stay, name) })
		if !slices.Equal(seen, stay) {
			return fmt.Errorf("a listing page by page showed %q of the queues that stay, want %q", seen, stay)
		}
	}
	return nil
}

func creationRace(t *testing.T, r *rig) {
	const makers = 8
	p := r.project(t)
	for round := range 10 {
		key := p.key(fmt.Sprint("q", round))
		got, created := [makers]marconi.Queue{}, [makers]bool{}
		var tasks tasks
		for i := range makers {
			tasks.run(func() (err error) {
				got[i], created[i], err = p.cs.CreateQueue(t.Context(), key, marconi.Metadata(fmt.Sprintf(`{"maker": %d}`, i)))
				return err
			})
		}
		tasks.wait(t)
		checkRace(t, p.queue(string(key.Name)), got[:], created[:])
	}
}

// checkRace checks that one maker made the queue, and that all got that one.
func checkRace(t *testing.T, stored marconi.Queue, got []marconi.Queue, created []bool) {
	t.Helper()
	winners := 0
	for i, q := range got {
		if q.QueueRef != stored.QueueRef || string(q.Metadata) != string(stored.Metadata) {
			t.Errorf("maker %d got %+v with %s; stored is %+v with %s", i, q.QueueRef, q.Metadata, stored.QueueRef, stored.Metadata)
		}
		if created[i] {
			winners++
			if want := fmt.Sprintf(`{"maker": %d}`, i); string(stored.Metadata) != want {
				t.Errorf("maker %d made the queue, but stored is %s, want %s", i, stored.Metadata, want)
			}
		}
	}
	if winners != 1 {
		t.Errorf("%d makers of one queue were told that it is new, want 1", winners)
	}
}

// creationDeletionRace counts: each incarnation that was made is deleted once, or left at the end.
func creationDeletionRace(t *testing.T, r *rig) {
	const workers, rounds = 4, 30
	p := r.project(t)
	made, gone := [workers][]marconi.Incarnation{}, [workers][]marconi.Incarnation{}
	var tasks tasks
	for w := range workers {
		tasks.run(func() error {
			for range rounds {
				q, created, err := p.cs.CreateQueue(t.Context(), p.key("q"), nil)
				if err != nil {
					return fmt.Errorf("CreateQueue: %w", err)
				}
				if created {
					made[w] = append(made[w], q.Incarnation)
				}
				ref, err := p.cs.DeleteQueue(t.Context(), p.key("q"))
				if err == nil {
					gone[w] = append(gone[w], ref.Incarnation)
				} else if marconi.KindOf(err) != marconi.NotFound {
					return fmt.Errorf("DeleteQueue: %w", err)
				}
			}
			return nil
		})
	}
	tasks.wait(t)
	all, deleted := slices.Concat(made[:]...), slices.Concat(gone[:]...)
	slices.Sort(all)
	slices.Sort(deleted)
	if !slices.Equal(all, deleted) {
		t.Errorf("incarnations made: %v, deleted: %v; want the same, each once", all, deleted)
	}
	p.wantNone("q")
}
