package indexed

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A tally tells when the last message of a segment has gone through this process. It knows the segments that it met last; of the
// others, and of those whose messages go through several processes, it says nothing: they expire.
type tally struct {
	mu       sync.Mutex // guards what follows
	segments *lru[objects.Path, *tallied]
	messages map[messageKey]tallyPlace
}

// A messageKey is a hash of a queue and a message, which takes the same room whatever their names.
type messageKey [16]byte

func keyOf(q marconi.QueueRef, id marconi.MessageID) messageKey {
	text := make([]byte, 0, 256)
	text = append(append(text, q.Project...), 0)
	text = append(append(text, q.Name...), 0)
	text = append(binary.BigEndian.AppendUint64(text, uint64(q.Incarnation)), id...)
	sum := sha256.Sum256(text)
	return messageKey(sum[:])
}

// A tallied segment has a row for each of its messages.
type tallied struct {
	at   objects.Path
	rows []tallyRow
	left int // not gone
}

type tallyRow struct {
	key  messageKey // zero: not known
	gone bool
}

type tallyPlace struct {
	segment *tallied
	number  int
}

// What a tallied segment takes in memory, and each message of it.
const (
	tallyCost    = 500
	tallyRowCost = 120
)

func newTally(size int64) *tally {
	t := &tally{messages: map[messageKey]tallyPlace{}}
	t.segments = newLRU[objects.Path](size, func(s *tallied) int64 { return tallyCost + tallyRowCost*int64(len(s.rows)) })
	t.segments.leave = func(_ objects.Path, s *tallied) {
		for _, r := range s.rows {
			delete(t.messages, r.key)
		}
	}
	return t
}

// know notes where a message's body is.
func (t *tally) know(q marconi.QueueRef, e *entry) {
	if e.inSwift() {
		t.post(q, []marconi.MessageID{e.ID}, []reference{e.ref})
	}
}

// post notes where the bodies of messages are; a zero reference is none.
func (t *tally) post(q marconi.QueueRef, ids []marconi.MessageID, refs []reference) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, id := range ids {
		if refs[i].count > 0 {
			t.note(keyOf(q, id), refs[i])
		}
	}
}

func (t *tally) note(key messageKey, r reference) {
	s, known := t.segments.get(r.at)
	if !known {
		s = &tallied{at: r.at, rows: make([]tallyRow, r.count), left: r.count}
		t.segments.put(r.at, s)
		if _, kept := t.segments.get(r.at); !kept {
			return
		}
	}
	if len(s.rows) != r.count {
		return
	}
	row := &s.rows[r.number]
	if row.gone { // from its old queue: it is in another one
		row.gone = false
		s.left++
	}
	delete(t.messages, row.key)
	row.key = key
	t.messages[key] = tallyPlace{s, r.number}
}

// forget forgets a segment: it goes by itself.
func (t *tally) forget(at objects.Path) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.segments.remove(at)
}

// gone notes that a message is gone, and reports whether it was the last one of its segment.
func (t *tally) gone(q marconi.QueueRef, id marconi.MessageID) (at objects.Path, empty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := keyOf(q, id)
	place, known := t.messages[key]
	if !known {
		return objects.Path{}, false
	}
	s := place.segment
	delete(t.messages, key)
	s.rows[place.number] = tallyRow{gone: true}
	if s.left--; s.left > 0 {
		return objects.Path{}, false
	}
	t.segments.remove(s.at)
	return s.at, true
}
