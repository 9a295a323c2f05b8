package memory

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
)

// A catalog is to a sorted list what its chunks are: the same entries in the same order.
func TestACatalogIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, want := &catalog{}, map[marconi.QueueName]marconi.Incarnation{}
		// Runs of names, so that chunks fill, split and empty.
		name := func(n int) marconi.QueueName { return marconi.QueueName(fmt.Sprintf("q%05d", n)) }
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			from, n := rapid.IntRange(0, 3000).Draw(t, "from"), rapid.IntRange(1, 900).Draw(t, "n")
			add := rapid.Bool().Draw(t, "add")
			for i := from; i < from+n; i++ {
				entered := c.get(name(i))
				if incarnation, ok := want[name(i)]; ok != (entered != nil) || ok && entered.incarnation != incarnation {
					t.Fatalf("get(%s) = %v, want %v, %v", name(i), entered, incarnation, ok)
				}
				switch {
				case add && entered == nil:
					want[name(i)] = marconi.Incarnation(step)
					c.insert(entry{name: name(i), incarnation: marconi.Incarnation(step)})
				case !add && entered != nil:
					delete(want, name(i))
					c.remove(name(i))
				}
			}
		}
		names := slices.Sorted(maps.Keys(want))
		after := name(rapid.IntRange(0, 4000).Draw(t, "after"))
		i, found := slices.BinarySearch(names, after)
		if found {
			i++
		}
		var got []marconi.QueueName
		for e := range c.after(after) {
			got = append(got, e.name)
		}
		if !slices.Equal(got, names[i:]) {
			t.Errorf("after %s come %d names, want %d", after, len(got), len(names[i:]))
		}
		for _, chunk := range c.chunks {
			if len(chunk) == 0 || len(chunk) > maxChunk {
				t.Errorf("a chunk has %d names", len(chunk))
			}
		}
		if c.empty() != (len(want) == 0) {
			t.Errorf("empty() = %v with %d names", c.empty(), len(want))
		}
	})
}

// Pages of 20 from the middle of 100 000 queues.
func BenchmarkListQueues(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("queues=%d", n), func(b *testing.B) {
			c := newControlStore(nil)
			for i := range n {
				key := marconi.QueueKey{Project: "p", Name: marconi.QueueName(fmt.Sprintf("q%08d", i*7919%n))}
				if _, _, err := c.CreateQueue(b.Context(), key, nil); err != nil {
					b.Fatal(err)
				}
			}
			middle := marconi.Marker(fmt.Sprintf("q%08d", n/2))
			for b.Loop() {
				page, _ := c.ListQueues(b.Context(), "p", marconi.QueueListing{Marker: middle, Limit: 20})
				if len(page.Items) != 20 {
					b.Fatalf("listed %d queues", len(page.Items))
				}
			}
		})
	}
}
