package indexed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
)

// MoveSpent implements [marconi.Mover]: a dead letter keeps its body where it is. What would end before the dead letter does is
// extended first; letters for which that fails stay, and the others go.
func (s *movingStore) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	letters, err := s.index.Messages(ctx, from, ids)
	if err != nil {
		return err
	}
	stay, err := s.letGo(ctx, entriesOf(letters), d)
	if len(stay) > 0 {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id marconi.MessageID) bool { return stay[id] })
	}
	if len(ids) == 0 || err != nil && len(stay) == 0 {
		return err
	}
	return errors.Join(s.mover.MoveSpent(ctx, from, lease, ids, d), err)
}

// letGo prepares messages for leaving their queue. It gives those that have to stay, and why; if it is why none may go, it gives none.
func (s *Store) letGo(ctx context.Context, letters []entry, d marconi.DeadLetter) (stay map[marconi.MessageID]bool, err error) {
	longest := d.TTL
	for _, l := range letters {
		longest = max(longest, lifeOf(l, d))
	}
	if err := s.moved.mark(ctx, letters, s.endFor(s.latest(longest))); err != nil {
		return nil, err
	}
	stay = map[marconi.MessageID]bool{}
	for _, l := range letters {
		if failed := s.outliveOrFail(ctx, d.Queue, []entry{l}, s.latest(lifeOf(l, d))); failed != nil {
			stay[l.ID], err = true, cmp.Or(err, failed)
		}
	}
	return stay, err
}

func lifeOf(letter entry, d marconi.DeadLetter) marconi.Seconds {
	if d.TTL == 0 {
		return letter.TTL
	}
	return d.TTL
}

// movedQueue is the queue in the index that says which queues dead letters have left. No queue of anybody's has the incarnation 0.
var movedQueue = marconi.QueueRef{QueueKey: marconi.QueueKey{Name: "marconi-swift-moved"}}

// movedPage is how many entries are read at once.
const movedPage = 1000

// A movedLog knows which queues dead letters have left. Such a letter's segment has its old queue's name, so nothing that happens
// in the old queue may remove it: not a purge, and not that all messages that were in it are gone from there. Each segment that
// is to be removed is looked up here first, after its messages were deleted; and each queue is entered before a letter leaves
// it. As both is done in the index, which has one order for all processes, no removal overlooks a move.
type movedLog struct {
	index marconi.DataStore
	now   func() time.Time

	reading sync.Mutex     // held while the log is read; guards marker
	marker  marconi.Marker // behind what was read

	mu     sync.Mutex           // guards marked
	marked map[string]time.Time // until when, by the hash of the queue
}

func newMovedLog(index marconi.DataStore, now func() time.Time) *movedLog {
	return &movedLog{index: index, now: now, marked: map[string]time.Time{}}
}

// mark enters the queues that the letters were posted to, until the reserve after that moment at least.
func (l *movedLog) mark(ctx context.Context, letters []entry, until time.Time) error {
	until = until.Add(reserve)
	missing := map[string]bool{}
	for _, letter := range letters {
		if letter.inSwift() && l.until(hashOf(letter.ref.at)).Before(until) {
			missing[hashOf(letter.ref.at)] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	until = until.Add(reserve) // so that the next letters find it entered
	life := marconi.Seconds(until.Sub(l.now())/time.Second) + 1
	p := marconi.Post{}
	for hash := range missing {
		p.Messages = append(p.Messages, marconi.NewMessage{TTL: life, Body: []byte(`"` + hash + `"`)})
	}
	if _, err := l.index.Post(ctx, movedQueue, p); err != nil {
		return fmt.Errorf("note that dead letters leave a queue: %w", err)
	}
	for hash := range missing {
		l.note(hash, until)
	}
	return nil
}

// markForSegment enters the queue of a letter whose segment is to have that end, and gives until when the segment is spared, up to that. A full
// index takes no entry: then a former one will do that lasts until the letter has ended, so that nobody is kept from emptying it.
func (l *movedLog) markForSegment(ctx context.Context, letter entry, ended, end time.Time) (time.Time, error) {
	err := l.mark(ctx, []entry{letter}, end)
	if err == nil {
		return end, nil
	}
	if !errors.Is(err, marconi.ErrFull) || l.catchUp(ctx) != nil {
		return time.Time{}, err
	}
	spared := l.until(hashOf(letter.ref.at))
	if spared.Before(ended) {
		return time.Time{}, err
	}
	if spared.Before(end) {
		return spared, nil
	}
	return end, nil
}

func (l *movedLog) note(hash string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.marked[hash].Before(until) {
		l.marked[hash] = until
	}
}

// until is until when letters of that queue may be elsewhere, as far as the log was read.
func (l *movedLog) until(hash string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marked[hash]
}

// has reports whether letters of that queue may be elsewhere, as far as the log was read.
func (l *movedLog) has(hash string) bool { return l.until(hash).After(l.now()) }

// catchUp reads what was entered since it was last called.
func (l *movedLog) catchUp(ctx context.Context) error {
	l.reading.Lock()
	defer l.reading.Unlock()
	l.forgetEnded()
	for {
		page, err := l.index.List(ctx, movedQueue, marconi.Listing{Marker: l.marker, Limit: movedPage, Echo: true})
		if err != nil {
			return fmt.Errorf("read which queues dead letters have left: %w", err)
		}
		for _, m := range page.Items {
			l.note(strings.Trim(string(m.Body), `"`), m.Created.Add(m.TTL.Duration()))
		}
		if len(page.Items) == 0 {
			return nil
		}
		l.marker = page.Next
	}
}

func (l *movedLog) forgetEnded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for hash, until := range l.marked {
		if !until.After(now) {
			delete(l.marked, hash)
		}
	}
}
