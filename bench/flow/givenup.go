package flow

import (
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/ledger"
)

// givenUp is the account of the messages that crashers gave up. Each is free when its claim is over, and has to be handed out again to
// whoever asks then (law C2): redelivered = given up − not again, and what was not again must have had no occasion.
type givenUp struct {
	mu       sync.Mutex // guards what follows
	messages map[numbered]surrender
	total    int64
	queues   []asked // by number
}

// numbered is a message by its producer and number.
type numbered struct{ producer, number uint32 }

// A surrender is what is known of a message that was given up.
type surrender struct {
	times int
	free  time.Duration // the latest time at which it can have become free, for the last time
	queue int
}

// asked is how workers asked in a queue.
type asked struct {
	nothing time.Duration // when the last claim was sent that found nothing
	unclear bool          // a call didn't tell how it ended: somebody may have taken something, or still have it
}

func newGivenUp(queues int) *givenUp {
	return &givenUp{messages: map[numbered]surrender{}, queues: make([]asked, queues)}
}

// add notes the messages of a claim that are free at a time, at the latest.
func (g *givenUp) add(queue int, messages []ledger.Message, free time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range messages {
		producer, number, known := m.Number()
		if !known {
			continue
		}
		g.total++
		at := numbered{producer, number}
		g.messages[at] = surrender{times: g.messages[at].times + 1, free: free, queue: queue}
	}
}

// nothing notes that a claim which was sent then found nothing.
func (g *givenUp) nothing(queue int, sent time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queues[queue].nothing = max(g.queues[queue].nothing, sent)
}

// unclear notes that a call did not tell how it ended.
func (g *givenUp) unclear(queue int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queues[queue].unclear = true
}

// settle compares the account with what became of each message.
func (g *givenUp) settle(lives iter.Seq[ledger.Life]) (s settled) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.givenUp = g.total
	for life := range lives {
		x, some := g.messages[numbered{life.Producer, life.Number}]
		if !some || life.Taken != x.times { // somebody took it after that
			continue
		}
		s.notAgain++
		q := g.queues[x.queue]
		if life.Fate == ledger.FateLeftover && !q.unclear && x.free < q.nothing {
			s.keptBack++
		}
	}
	return s
}

// A settled account is one at the end of a run.
type settled struct {
	givenUp  int64
	notAgain int64 // handed out
	keptBack int64 // of these: they were there, and a worker asked, and got nothing
}

func (s settled) figures(all map[string]result.Figure) {
	all["given_up"] = figure(float64(s.givenUp), "messages", "Messages that workers gave up, each as often as it was.")
	all["given_up_for_good"] = figure(float64(s.notAgain), "messages", "Messages that were not handed out again after that: they ended, or nobody asked while they were free.")
	all["given_up_kept_back"] = figure(float64(s.keptBack), "messages", "Messages of these that were free when a worker asked, and got nothing: must be none, where order is promised.")
}

// broken says what is wrong with the account; empty: nothing is.
func (s settled) broken() string {
	if s.keptBack == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d messages that workers gave up were not handed out again, though workers asked and were told that there was nothing.", s.keptBack, s.givenUp)
}
