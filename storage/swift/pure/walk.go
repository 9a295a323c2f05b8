package pure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A record is what listings show of a message: itself, and the latest of its leases.
type record struct {
	name       string
	found      bool // the message itself: leases may outlive it
	message    messageAttributes
	modified   time.Time // by Swift's clock
	generation int       // of the latest lease; 0: it was never leased
	lease      leaseAttributes
	leased     time.Time // by Swift's clock, when the lease was made or put off
}

// ends is when the message expires, in Unix milliseconds.
func (r *record) ends() int64 { return max(r.message.expires, r.lease.until) }

// ttl is the message's TTL, as posted or as a claim has raised it.
func (r *record) ttl() marconi.Seconds {
	if r.lease.until > r.message.expires {
		return r.lease.ttl
	}
	return r.message.ttl
}

// created is when it was posted, in Unix milliseconds.
func (r *record) created() int64 { return r.message.expires - r.message.ttl.Duration().Milliseconds() }

func (r *record) delayed(now int64) bool { return r.message.due > now }

// add puts what an entry says into the record. What is no entry of ours is left out.
func (r *record) add(e objects.Entry, generation int) {
	if generation == 0 {
		r.message, r.found = parseMessage(e.ContentType)
		r.modified = e.Modified
		return
	}
	lease, ok := parseLease(e.ContentType)
	if ok && generation > r.generation {
		r.generation, r.lease, r.leased = generation, lease, e.Modified
	}
}

// A walk goes through the records of a queue in the order of their names, page by page, over all its containers.
type walk struct {
	s       *Store
	reverse bool
	end     string // name of the last message to be seen; "": all
	needs   string // a container that has to be there; "": each may be missing
	shards  []shardWalk
}

// A shardWalk is where a walk stands in one container.
type shardWalk struct {
	container string
	marker    string
	entries   []objects.Entry // read, but not given yet: the leases of the last message may be on the next page
	done      bool
}

// walkBehind begins a walk behind a place; "" is the start.
func (s *Store) walkBehind(p place, behindName string) *walk {
	w := &walk{s: s, shards: make([]shardWalk, p.shards)}
	for i := range w.shards {
		w.shards[i].container = p.shard(i)
		if behindName != "" {
			w.shards[i].marker = messagePrefix + behindName + behind
		}
	}
	return w
}

// walkBack begins a walk from the end to the start.
func (s *Store) walkBack(p place) *walk {
	w := s.walkBehind(p, "")
	w.reverse = true
	return w
}

// walkOver begins a walk over the names from first to last in one container.
func (s *Store) walkOver(container, first, last string) *walk {
	return &walk{s: s, end: last, shards: []shardWalk{{container: container, marker: beforeName(first)}}}
}

// beforeName is a marker in front of a message's own entry, and behind everything of the message before.
func beforeName(name string) string {
	last := name[len(name)-1]
	return messagePrefix + name[:len(name)-1] + string(last-1) + behind
}

// done reports whether there is nothing more to come.
func (w *walk) done() bool {
	return !slices.ContainsFunc(w.shards, func(sh shardWalk) bool { return !sh.done || len(sh.entries) > 0 })
}

// next gives the next records: those that are complete after a page of at most limit names of each container. It gives none
// only at the end. Limit 0 is as much as Swift gives.
func (w *walk) next(ctx context.Context, limit int) ([]record, error) {
	for !w.done() {
		if err := w.read(ctx, limit); err != nil {
			return nil, err
		}
		if records := w.take(); len(records) > 0 {
			return records, nil
		}
	}
	return nil, nil
}

// read reads a page of each container that has more.
func (w *walk) read(ctx context.Context, limit int) error {
	return w.s.parallel(len(w.shards), func(i int) error {
		sh, full := &w.shards[i], w.s.pageSize(limit)
		if sh.done {
			return nil
		}
		l := objects.Listing{Prefix: messagePrefix, Marker: sh.marker, Limit: limit, Reverse: w.reverse}
		if w.end != "" {
			l.End = messagePrefix + w.end + behind
		}
		page, err := w.s.c.List(ctx, sh.container, l)
		if w.reverse && len(page) > 1 && page[0].Name < page[1].Name {
			page, err = w.s.reversed(ctx, sh.container) // this Swift knows no other order
			full = len(page) + 1
		}
		if errors.Is(err, objects.ErrContainer) && sh.container != w.needs {
			page, err = nil, nil
		}
		if err != nil {
			return fmt.Errorf("list messages: %w", err)
		}
		if len(page) > 0 {
			sh.marker = page[len(page)-1].Name
		}
		sh.entries, sh.done = append(sh.entries, page...), len(page) < full
		return nil
	})
}

// reversed lists all of a container's messages and leases from the end to the start, of a Swift that lists from the start only.
func (s *Store) reversed(ctx context.Context, container string) ([]objects.Entry, error) {
	var all []objects.Entry
	l := objects.Listing{Prefix: messagePrefix}
	for {
		page, err := s.c.List(ctx, container, l)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			slices.Reverse(all)
			return all, nil
		}
		all = append(all, page...)
		l.Marker = page[len(page)-1].Name
	}
}

// entries lists what begins with a prefix in a container, page by page. An error is the last that comes.
func (s *Store) entries(ctx context.Context, container, prefix string) iter.Seq2[objects.Entry, error] {
	full := s.pageSize(0)
	return func(yield func(objects.Entry, error) bool) {
		for marker := ""; ; {
			page, err := s.c.List(ctx, container, objects.Listing{Prefix: prefix, Marker: marker})
			if err != nil {
				yield(objects.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < full {
				return
			}
			marker = page[len(page)-1].Name
		}
	}
}

// pageSize is how many names a page has that is not the last.
func (s *Store) pageSize(limit int) int {
	page := cmp.Or(s.c.Abilities().Page, 10_000)
	if limit == 0 {
		return page
	}
	return min(limit, page)
}

// take gives the records before the first that may be incomplete.
func (w *walk) take() []record {
	edge := ""
	for _, sh := range w.shards {
		if sh.done {
			continue
		}
		name := messageOf(sh.entries[len(sh.entries)-1].Name)
		if edge == "" || w.before(name, edge) {
			edge = name
		}
	}
	var records []record
	for i := range w.shards {
		records = w.shards[i].takeBefore(w, edge, records)
	}
	slices.SortFunc(records, func(a, b record) int { return w.sign() * strings.Compare(a.name, b.name) })
	w.s.sawNames(records)
	return records
}

// takeBefore appends a container's records that lie before the edge; "" is behind all.
func (sh *shardWalk) takeBefore(w *walk, edge string, records []record) []record {
	n := 0
	for ; n < len(sh.entries); n++ {
		e := sh.entries[n]
		name, generation, ok := parseName(strings.TrimPrefix(e.Name, messagePrefix))
		if edge != "" && !w.before(messageOf(e.Name), edge) {
			break
		}
		if !ok {
			continue // nothing of ours
		}
		if len(records) == 0 || records[len(records)-1].name != name {
			records = append(records, record{name: name})
		}
		records[len(records)-1].add(e, generation)
	}
	sh.entries = sh.entries[n:]
	return records
}

func (w *walk) sign() int {
	if w.reverse {
		return -1
	}
	return 1
}

func (w *walk) before(a, b string) bool { return w.sign()*strings.Compare(a, b) < 0 }

// messageOf is the part of an entry's name that a message shares with its leases.
func messageOf(entry string) string {
	name := strings.TrimPrefix(entry, messagePrefix)
	return name[:min(len(name), nameDigits)]
}

// sawNames pushes the clock of names forward.
func (s *Store) sawNames(records []record) {
	latest := ""
	for i := range records {
		latest = max(latest, records[i].name)
	}
	if latest != "" {
		s.names.saw(latest)
	}
}

// one gives the record of one message, which may be empty.
func (s *Store) one(ctx context.Context, p place, name string) (record, error) {
	records, err := s.walkOver(p.containerOf(name), name, name).next(ctx, 0)
	if err != nil || len(records) == 0 {
		return record{name: name}, err
	}
	return records[0], nil
}

// recordsOf gives the records of some messages, by name; what no listing shows is missing. Of what lies between them no more is read
// than comes with them: each listing is of a page, and begins at a name that is wanted. For the names may be a client's, and far apart.
func (s *Store) recordsOf(ctx context.Context, p place, names []string) (map[string]record, error) {
	byContainer := map[string][]string{}
	for _, name := range names {
		container := p.containerOf(name)
		byContainer[container] = append(byContainer[container], name)
	}
	containers := slices.Collect(maps.Keys(byContainer))
	found := make([][]record, len(containers))
	err := s.parallel(len(containers), func(i int) (err error) {
		found[i], err = s.recordsIn(ctx, containers[i], byContainer[containers[i]])
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]record, len(names))
	for _, r := range slices.Concat(found...) {
		all[r.name] = r
	}
	return all, nil
}

// recordsIn gives the records of messages that are in one container.
func (s *Store) recordsIn(ctx context.Context, container string, names []string) ([]record, error) {
	slices.Sort(names)
	names = slices.Compact(names)
	last := names[len(names)-1]
	size := max(firstPage, 4*len(names)) // with their leases
	var all []record
	for len(names) > 0 {
		w := s.walkOver(container, names[0], last)
		records, err := w.next(ctx, size)
		if err != nil || len(records) == 0 {
			return all, err
		}
		for _, r := range records {
			if _, wanted := slices.BinarySearch(names, r.name); wanted {
				all = append(all, r)
			}
		}
		if w.done() {
			return all, nil
		}
		passed, isLast := slices.BinarySearch(names, records[len(records)-1].name)
		if isLast {
			passed++
		}
		names = names[passed:]
	}
	return all, nil
}
