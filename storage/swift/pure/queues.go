package pure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

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
	return objects.Upload{Name: nameCard, Body: body, Attributes: objects.Attributes{ContentType: jsonType}, Shared: true}
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

// ready are the queues whose containers and cards this process knows to be there, and when it stored their cards. If another process deletes
// a queue, its container goes, and a bulk upload makes it anew without the card. By the note that the queue was deleted it is still found, but
// that goes as well; so the card is stored again before that can be.
type ready struct {
	mu  sync.Mutex // guards all
	all map[string]time.Time
}

const (
	// mostReady bounds the memory for queues that are used once: those dropped are looked at once more.
	mostReady = 100_000
	// keepReady is for how long a card is taken to be there.
	keepReady = keepDropped / 2
)

func (r *ready) has(stem string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	stored, has := r.all[stem]
	return has && now.Sub(stored) < keepReady
}

func (r *ready) add(stem string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= mostReady {
		r.all = map[string]time.Time{}
	}
	r.all[stem] = now
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
