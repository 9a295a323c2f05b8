package memory

import (
	"slices"
	"strings"

	"github.com/marconi-mq/marconi"
)

// maxChunk is how many names a chunk has at most: to insert one moves half a chunk at the worst.
const maxChunk = 512

// An entry is what is known of a queue.
type entry struct {
	name        marconi.QueueName
	incarnation marconi.Incarnation
	metadata    marconi.Metadata
}

// A catalog is the queues of one project by name, in chunks, none of them empty: with 100 000 names, adding one is still
// two binary searches and a short move.
type catalog struct {
	chunks [][]entry
}

// find is where the name is or belongs.
func (c *catalog) find(name marconi.QueueName) (chunk, i int, found bool) {
	chunk, found = slices.BinarySearchFunc(c.chunks, name, func(es []entry, name marconi.QueueName) int {
		return strings.Compare(string(es[0].name), string(name))
	})
	if found || len(c.chunks) == 0 {
		return chunk, 0, found
	}
	chunk = max(chunk-1, 0)
	i, found = slices.BinarySearchFunc(c.chunks[chunk], name, func(e entry, name marconi.QueueName) int {
		return strings.Compare(string(e.name), string(name))
	})
	return chunk, i, found
}

// get is the entry of that name, or nil.
func (c *catalog) get(name marconi.QueueName) *entry {
	chunk, i, found := c.find(name)
	if !found {
		return nil
	}
	return &c.chunks[chunk][i]
}

// insert adds an entry whose name isn't there yet.
func (c *catalog) insert(e entry) {
	if len(c.chunks) == 0 {
		c.chunks = [][]entry{{e}}
		return
	}
	n, i, _ := c.find(e.name)
	if len(c.chunks[n]) == maxChunk {
		c.split(n, i)
		n, i, _ = c.find(e.name)
	}
	c.chunks[n] = slices.Insert(c.chunks[n], i, e)
}

// split makes room in a full chunk for an entry at i. At the very end it leaves the chunk full, so that names that
// come in order fill their chunks.
func (c *catalog) split(n, i int) {
	at := maxChunk / 2
	if n == len(c.chunks)-1 && i == maxChunk {
		at = maxChunk - 1
	}
	upper := slices.Clone(c.chunks[n][at:])
	clear(c.chunks[n][at:])
	c.chunks[n] = c.chunks[n][:at]
	c.chunks = slices.Insert(c.chunks, n+1, upper)
}

// remove takes out the entry of that name, which is there.
func (c *catalog) remove(name marconi.QueueName) {
	n, i, _ := c.find(name)
	c.chunks[n] = slices.Delete(c.chunks[n], i, i+1)
	if len(c.chunks[n]) == 0 {
		c.chunks = slices.Delete(c.chunks, n, n+1)
	}
}

func (c *catalog) empty() bool { return len(c.chunks) == 0 }

// after calls yield with the entries whose names come after that one, in order.
func (c *catalog) after(name marconi.QueueName) func(yield func(*entry) bool) {
	return func(yield func(*entry) bool) {
		n, i, found := c.find(name)
		if found {
			i++
		}
		for ; n < len(c.chunks); n, i = n+1, 0 {
			for ; i < len(c.chunks[n]); i++ {
				if !yield(&c.chunks[n][i]) {
					return
				}
			}
		}
	}
}
