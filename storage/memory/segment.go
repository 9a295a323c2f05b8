package memory

import (
	"math"

	"github.com/marconi-mq/marconi"
)

const (
	// segmentSize is how many messages a segment has at most. Going through the marks of a full one takes about 300 ns,
	// half of them being a claim's own work; larger ones make that dearer, smaller ones the rows longer.
	segmentSize = 256

	// firstSize is what a queue's first segment has room for; it grows with the queue.
	firstSize = 4

	// sparseSize is the size below which it isn't worth while to close up what is left of a segment.
	sparseSize = 32

	never = math.MaxInt64
)

// A mark is what is asked of a message again and again, kept close together. All times are Unix milliseconds.
type mark struct {
	seq     int64
	expires int64  // never, if the message is gone
	hidden  int64  // until when it is claimed or delayed; 0: free; never: gone
	claim   *claim // what hides it; nil: nothing, or its delay
}

func (m *mark) gone() bool { return m.hidden == never }
func (m *mark) free() bool { return m.hidden == 0 }

// A content is the rest of a message.
type content struct {
	body     []byte
	client   marconi.ClientID
	checksum string
	created  int64
	ttl      marconi.Seconds
	claims   int
}

// A segment is a run of a queue's messages. What is gone leaves a gap, so that the others keep their places.
type segment struct {
	first   int64 // the sequence number of its first message, also when that is gone: it orders the segments
	marks   []mark
	content []content

	live int // messages that aren't gone
	free int // those of them that are free
	from int // no message before this index is free

	next  int64 // no later than the moment at which something in it ends: a message, a claim, a delay
	place int   // its index in the queue's due heap
	ready bool  // it stands in the queue's row of segments with free messages

	author marconi.ClientID // who posted its messages,
	mixed  bool             // unless several did
}

func newSegment(first int64, size int) *segment {
	s := &segment{marks: make([]mark, 0, size), content: make([]content, 0, size)}
	s.reset(first)
	return s
}

// reset makes an empty segment a new one.
func (s *segment) reset(first int64) {
	*s = segment{first: first, next: never, marks: s.marks[:0], content: s.content[:0]}
}

func (s *segment) full() bool { return len(s.marks) >= segmentSize }

// add puts a message behind the others.
func (s *segment) add(m mark, c content) {
	if len(s.marks) == 0 {
		s.author = c.client
	}
	if c.client == s.author {
		c.client = s.author // one string for all: each request brings its own
	} else {
		s.mixed = true
	}
	s.marks, s.content = append(s.marks, m), append(s.content, c)
	s.live++
	if m.free() {
		s.free++
	}
}

// behind is the index of the first message whose number is above seq, gone or not.
func (s *segment) behind(seq int64) int {
	low, high := 0, len(s.marks)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if s.marks[middle].seq <= seq {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// spans reports whether seq is none of another segment's.
func (s *segment) spans(seq int64) bool {
	return s.live > 0 && s.first <= seq && seq <= s.marks[len(s.marks)-1].seq
}

// find is the index of the live message of that number.
func (s *segment) find(seq int64) (int, bool) {
	i := s.behind(seq) - 1
	return i, i >= 0 && s.marks[i].seq == seq && !s.marks[i].gone()
}

// oldest and newest are the indexes of the first and last live message. There must be one.
func (s *segment) oldest() int {
	i := 0
	for s.marks[i].gone() {
		i++
	}
	return i
}

func (s *segment) newest() int {
	i := len(s.marks) - 1
	for s.marks[i].gone() {
		i--
	}
	return i
}

// eachFree calls yield with the indexes of the free messages, in order, until it returns false; it reports whether all
// were gone through. Yield may hide or remove the message it is called with.
func (s *segment) eachFree(yield func(*segment, int) bool) bool {
	for s.from < len(s.marks) && !s.marks[s.from].free() {
		s.from++
	}
	for i := s.from; i < len(s.marks); i++ {
		if s.marks[i].free() && !yield(s, i) {
			return false
		}
	}
	return true
}

// sparse reports whether most of the segment is gaps.
func (s *segment) sparse() bool { return len(s.marks) >= sparseSize && s.live < len(s.marks)/4 }

// closeUp takes the gaps out.
func (s *segment) closeUp() {
	marks, rest := make([]mark, 0, s.live), make([]content, 0, s.live)
	s.mixed = false
	for i, m := range s.marks {
		if m.gone() {
			continue
		}
		c := s.content[i]
		if len(marks) == 0 {
			s.author = c.client
		}
		s.mixed = s.mixed || c.client != s.author
		marks, rest = append(marks, m), append(rest, c)
	}
	s.marks, s.content, s.from = marks, rest, 0
}
