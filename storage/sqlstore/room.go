package sqlstore

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/marconi-mq/marconi"
)

// What rows take beside the text in them, at most and on average over many: their share of trees whose pages are half full.
const (
	messageOverhead = 256
	queueOverhead   = 1024 // a queue's record, or its header
)

// diskReserve is how much of a disk posts leave to consumers, who write, too: what is deleted goes through the log, and the
// log home into the file. On a disk without a free page they could not make any, and would wait for an operator. It is room
// for a log as long as it comes to be, and for as much again, to bring it home.
const diskReserve = 16 << 20

// diskLow is when it is looked at more closely how much of a disk is left.
const diskLow = 8 * diskReserve

// lookEvery is how long more than that is taken to be there.
const lookEvery = 100 * time.Millisecond

// errNoDisk says that posts would use up what consumers need.
var errNoDisk = errors.New("the disk is full")

// A room bounds what a database takes in. Only the writer uses it.
//
// One bound is the operator's, for the pages in use, whatever they are used for. Free pages in the file don't count, for the next post
// uses them; nor does the log beside it, which has bounds of its own. What is in use is measured once a transaction, before
// its commit. Within one, what each write is going to take is estimated, on the high side: so that a batch of many writes
// does not go beyond the bound together, and what an estimate was too high by is there again for the next batch.
//
// The other is the disk's. It is looked at when a transaction begins, which takes about 10 µs, and where much is free only now
// and then.
type room struct {
	size int64                 // 0: no bound
	disk func() (int64, error) // how many bytes of it are free, or the log's; nil: there is none

	used, unused int64 // bytes of pages in use, and of free ones in the file, when they were counted last
	taken        int64 // by the transaction under way, as estimated
	free         int64 // of the disk, when that began
	looked       time.Time
}

// begin is to be called when a transaction begins.
func (r *room) begin() {
	before := r.taken
	r.taken = 0
	switch now := time.Now(); {
	case r.disk == nil:
		r.free = math.MaxInt64
	case r.free > diskLow && now.Sub(r.looked) < lookEvery:
		r.free -= before
	default:
		r.look(now)
	}
}

func (r *room) look(now time.Time) {
	free, err := r.disk()
	if err != nil {
		free = math.MaxInt64 // SQLite finds out by itself
	}
	r.free, r.looked = free, now
}

// take takes n bytes, or is [marconi.ErrFull].
func (r *room) take(n int64) error {
	need := r.taken + n
	if r.size > 0 && r.used+need > r.size {
		return fmt.Errorf("%d bytes of at most %d are in use, and %d are needed: %w", r.used+r.taken, r.size, n, marconi.ErrFull)
	}
	grows, reserve := max(need-r.unused, 0), int64(diskReserve)
	if grows == 0 { // it goes where something was, and the log's part of the reserve is for it, too
		reserve /= 2
	}
	if r.free-grows < reserve {
		return fmt.Errorf("%w: %d bytes of it are free, of which %d are for consumers: %w", errNoDisk, r.free, reserve, marconi.ErrFull)
	}
	r.taken = need
	return nil
}

// measure counts anew what is in use, the transaction under way included.
func (r *room) measure(t *tx) error {
	if r.size == 0 && r.free > diskLow {
		r.unused = 0
		return nil
	}
	var free, pages, pageSize int64
	if _, err := t.get(t.freePages, []any{&free, &pages, &pageSize}); err != nil {
		return fmt.Errorf("count the pages in use: %w", err)
	}
	r.used, r.unused = (pages-free)*pageSize, free*pageSize
	return nil
}

// roomFor is what the messages of a post take.
func roomFor(p marconi.Post) int64 {
	n := int64(queueOverhead)
	for _, m := range p.Messages {
		n += messageOverhead + bodyRoom(len(m.Body)) + 2*int64(len(p.Client)+len(m.Checksum))
	}
	return n
}

// bodyRoom is what a body takes. One that is small shares its page with as many as go in whole, which wastes less than half
// of it; one that is large has pages of its own, and wastes less than one.
func bodyRoom(n int) int64 {
	const page = 4096
	return int64(n + min(n, page))
}
