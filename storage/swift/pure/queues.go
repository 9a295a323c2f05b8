package pure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A card says whose a container is: its name can't be read back.
type card struct {
	Project     string `json:"project"`
	Queue       string `json:"queue"`
	Incarnation int64  `json:"incarnation"`
}

// cardOf is a queue's card as it is stored. It never ends, and goes with the container.
func cardOf(q marconi.QueueRef) objects.Upload {
	body, err := json.Marshal(card{string(q.Project), string(q.Name), int64(q.Incarnation)})
	if err != nil {
		panic(err) // strings and a number can be written
	}
	return objects.Upload{Name: nameCard, Body: body, Attributes: objects.Attributes{ContentType: jsonType}}
}

// parseCard reads a card.
func parseCard(body []byte) (marconi.QueueRef, error) {
	var c card
	if err := json.Unmarshal(body, &c); err != nil {
		return marconi.QueueRef{}, fmt.Errorf("read the name of a queue: %w", err)
	}
	if c.Incarnation <= 0 {
		return marconi.QueueRef{}, errors.New("read the name of a queue: it has no incarnation")
	}
	key := marconi.QueueKey{Project: marconi.Project(c.Project), Name: marconi.QueueName(c.Queue)}
	return marconi.QueueRef{QueueKey: key, Incarnation: marconi.Incarnation(c.Incarnation)}, nil
}

// ready are the queues whose containers and cards this process knows to be there.
type ready struct {
	mu  sync.Mutex // guards all
	all map[string]struct{}
}

// mostReady bounds the memory for queues that are used once: those dropped are looked at once more.
const mostReady = 100_000

func (r *ready) has(stem string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, has := r.all[stem]
	return has
}

func (r *ready) add(stem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= mostReady {
		r.all = map[string]struct{}{}
	}
	r.all[stem] = struct{}{}
}

func (r *ready) drop(stem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, stem)
}

// eachQueue calls do for all queues of the namespace, as far as the account's listing knows of them. The first error ends it.
func (s *Store) eachQueue(ctx context.Context, do func(marconi.QueueRef) error) error {
	for stem, err := range s.stems(ctx) {
		if err == nil {
			err = s.visit(ctx, stem, do)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stems are the first containers of all queues. An error is the last that comes.
func (s *Store) stems(ctx context.Context) iter.Seq2[string, error] {
	prefix := s.o.Namespace + "-"
	return func(yield func(string, error) bool) {
		for marker := ""; ; {
			names, err := s.c.Containers(ctx, objects.Listing{Prefix: prefix, Marker: marker})
			if err != nil {
				yield("", fmt.Errorf("list containers: %w", err))
				return
			}
			if len(names) == 0 {
				return
			}
			marker = names[len(names)-1]
			for _, name := range names {
				if isStem := !strings.Contains(strings.TrimPrefix(name, prefix), "-"); isStem && !yield(name, nil) {
					return
				}
			}
		}
	}
}

// visit calls do for the queue of a container. One that has gone meanwhile, or is none of ours, is passed over.
func (s *Store) visit(ctx context.Context, stem string, do func(marconi.QueueRef) error) error {
	o, err := s.c.Get(ctx, objects.Path{Container: stem, Name: nameCard}, false)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the name of a queue: %w", err)
	}
	if q, err := parseCard(o.Body); err == nil && s.placeOf(q).stem == stem {
		return do(q)
	}
	return nil
}

// Queues implements [marconi.DataStore]. What was deleted, and is not removed yet, is none of them.
func (s *Store) Queues(ctx context.Context) ([]marconi.QueueRef, error) {
	if err := s.door.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	var all []marconi.QueueRef
	err := s.eachQueue(ctx, func(q marconi.QueueRef) error {
		holds, err := s.holdsAny(ctx, q)
		if !holds || err != nil {
			return err
		}
		dropped, err := s.isDropped(ctx, q)
		if !dropped && err == nil {
			all = append(all, q)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the queues that hold messages: %w", err)
	}
	return all, nil
}

func (s *Store) holdsAny(ctx context.Context, q marconi.QueueRef) (bool, error) {
	w := s.walkBehind(s.placeOf(q), "")
	for size := firstPage; !w.done(); size = 0 {
		records, err := w.next(ctx, size)
		if err != nil {
			return false, err
		}
		v := s.viewOf(q)
		if err := v.readClaims(ctx); err != nil {
			return false, err
		}
		for i := range records {
			if v.there(&records[i]) {
				return true, nil
			}
		}
	}
	return false, nil
}

// Purge implements [marconi.DataStore]. A mark says what is gone: what Swift has stored before it, by its clock, for those of the
// processes differ. But the clocks of its proxies do, too, and a message that is posted after the purge must stay: so the mark leaves
// alone what was stored in the last seconds, and what is listed of that is removed at once. What others posted then and is not listed
// yet stays.
func (s *Store) Purge(ctx context.Context, q marconi.QueueRef) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	if err := s.purge(ctx, q); err != nil {
		return fmt.Errorf("purge a queue: %w", err)
	}
	return nil
}

var errMarkHidden = errors.New("the mark of a purge was stored, and can't be found")

func (s *Store) purge(ctx context.Context, q marconi.QueueRef) error {
	at := s.placeOf(q)
	p := purgeAttributes{
		before: placeAt(s.o.Now().Add(-proxySkew - longestPut).UnixMicro()), emptied: s.names.latest(), node: s.names.node, text: randomHex(8),
	}
	err := s.put(ctx, at.purge(), nil, objects.Attributes{ContentType: p.String()})
	if errors.Is(err, objects.ErrContainer) {
		return nil // nobody has posted
	}
	if err != nil && !errors.Is(err, objects.ErrNotStored) { // for there is one of a later stamp, of another process
		return err
	}
	o, err := s.c.Head(ctx, at.purge(), true)
	if isMissing(err) {
		err = errMarkHidden
	}
	if err != nil {
		return err
	}
	s.marks.set(q, s.o.Now(), func(m *mark) { m.note(purge{p, o.Modified}) })
	s.reaper.addTask(task{do: func(ctx context.Context) error {
		_, err := s.sweep(ctx, q, drop{})
		return err
	}})
	return s.removeBehind(ctx, q, p.before)
}

// removeBehind removes the messages of names behind a place that were not stored long before the queue's purge, as far as they are listed, and
// later their leases.
func (s *Store) removeBehind(ctx context.Context, q marconi.QueueRef, place string) error {
	v := s.viewOf(q)
	old := v.mark.purge
	old.emptied = "" // those of this process as well
	w := s.walkBehind(v.at, place)
	w.needs = v.at.stem
	for !w.done() {
		records, err := w.next(ctx, 0)
		if err != nil {
			return err
		}
		var messages, leases []objects.Path
		for i := range records {
			if r := &records[i]; r.found && !old.covers(r.name, r.modified) {
				messages = append(messages, v.at.message(r.name))
				leases = append(leases, v.at.leases(r.name, r.generation)...)
			}
		}
		if err := s.removeMessages(ctx, messages); err != nil {
			return err
		}
		s.reaper.add(leases...)
	}
	return nil
}
