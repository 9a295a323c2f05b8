package flow

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// producers drive a workload: each posts its messages to a queue of its choice. Whoever of them is due, any free connection
// carries it.
type producers struct {
	*Traffic
	role      plan.Role
	all       []*producer
	meter     *measure.Meter
	confirmed atomic.Int64 // messages

	kind func(number int) plan.Role // of an operation; nil: all are posts

	mu      sync.Mutex       // guards what follows
	drawn   int              // operations
	posts   int              // of these
	pending map[int]*posting // drawn and not yet taken
	first   int              // no lower number is pending
	turn    *sync.Cond       // of mu: one that was drawn is no longer pending
}

// A producer is one client.
type producer struct {
	number  int
	handles []*client.Queue // by queue
	book    *ledger.Producer
	choose  func() int
	posts   int
}

// A posting is a post with all that was drawn for it.
type posting struct {
	producer *producer
	queue    int
	post     ledger.Post
	sizes    []int
}

func (t *Traffic) newProducers() (*producers, error) { return t.newPosters(plan.Producers) }

func (t *Traffic) newPosters(role plan.Role) (*producers, error) {
	p := &producers{Traffic: t, role: role, meter: t.meter(role, "post"), pending: map[int]*posting{}}
	p.turn = sync.NewCond(&p.mu)
	for n := range t.workload.Count(role) {
		handles, err := t.handles(role, n)
		if err != nil {
			return nil, err
		}
		p.all = append(p.all, &producer{number: n, handles: handles, book: t.Ledger.Producer(), choose: t.choice(role, n)})
	}
	return p, nil
}

// choice is how a poster chooses its queues: callers keep to the one that their peers listen to.
func (t *Traffic) choice(role plan.Role, n int) func() int {
	if role == plan.Callers {
		return func() int { return n % len(t.queues) }
	}
	return t.workload.Space.QueueChoice.Of(schedule.Stream(t.Seed, "queue of producer", n, 0), n, len(t.queues))
}

// draw chooses what the operation is that comes next, if it is a post: by its number alone. The producers take turns.
func (p *producers) draw() (who *producer, queue int, sizes []int) {
	number := p.drawn
	p.drawn++
	if p.kind != nil && p.kind(number) != p.role {
		return nil, 0, nil
	}
	who = p.all[p.posts%len(p.all)]
	p.posts++
	random := schedule.Stream(p.Seed, "post", who.number, who.posts)
	who.posts++
	sizes = make([]int, p.workload.Messages.Batch)
	for i := range sizes {
		sizes[i] = p.workload.Messages.Size.Draw(random)
	}
	return who, who.choose(), sizes
}

// take gives the operation of that number. Operations are drawn and told to the ledger, which numbers their messages, in their order,
// whoever takes them first: so the same messages are sent in every run, and [producers.sequence] knows them. All are taken or given up,
// so that nobody waits for long; the wait counts as one for a free connection.
func (p *producers) take(d schedule.Due) *posting {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drawUpTo(d.Number)
	for p.isPendingBefore(d.Number) {
		p.turn.Wait()
	}
	next := p.pending[d.Number]
	p.settle(d.Number)
	next.post = next.producer.book.Post(ledger.Posting{
		Queue: p.queues[next.queue].book, Messages: len(next.sizes), TTL: time.Duration(p.workload.Messages.TTL), Intended: d.Intended,
	})
	return next
}

// The caller of these holds mu.

func (p *producers) drawUpTo(number int) {
	for p.drawn <= number {
		number := p.drawn
		if who, queue, sizes := p.draw(); who != nil {
			p.pending[number] = &posting{producer: who, queue: queue, sizes: sizes}
		}
	}
}

// isPendingBefore reports whether a lower number is pending, where all up to this one are drawn.
func (p *producers) isPendingBefore(number int) bool {
	for p.first < number && p.pending[p.first] == nil {
		p.first++
	}
	return p.first < number
}

func (p *producers) settle(number int) {
	delete(p.pending, number)
	if len(p.pending) > 0 {
		p.turn.Broadcast()
	}
}

// messages are what a posting has to say, in a buffer that is used for one after the other.
func (p *producers) messages(o *posting, buffer *[]byte) (all []client.NewMessage, bytes int64) {
	all = make([]client.NewMessage, o.post.Len())
	text := (*buffer)[:0]
	for i := range all {
		start := len(text)
		text = o.post.Body(i).AppendPadded(text, o.sizes[i], p.workload.Messages.Compressible)
		all[i] = client.NewMessage{TTL: time.Duration(p.workload.Messages.TTL), Body: text[start:]}
	}
	*buffer = text
	return all, int64(len(text))
}

// bodyBuffers are for messages: the client has copied them when it returns.
var bodyBuffers = sync.Pool{New: func() any { return new([]byte) }}

func (p *producers) offer(_ int, intended time.Duration) { p.meter.Offer(intended) }

func (p *producers) giveUp(connection int, d schedule.Due, now time.Duration) {
	p.mu.Lock()
	p.drawUpTo(d.Number)
	p.settle(d.Number)
	p.mu.Unlock()
	p.meter.Unsent(connection, d.Intended, now)
}

// do makes one post and tells the ledger and the recorder.
func (p *producers) do(ctx context.Context, connection int, d schedule.Due) {
	o := p.take(d)
	buffer := bodyBuffers.Get().(*[]byte)
	defer bodyBuffers.Put(buffer)
	messages, bytes := p.messages(o, buffer)
	sent := p.Clock.Now()
	p.meter.Send(connection, sent)
	ids, err := o.producer.handles[o.queue].Post(p.patience.limit(ctx, sent), messages...)
	answered := p.Clock.Now()
	ending, class := p.ending(ctx, err)
	o.enter(ids, ending, answered)
	switch ending {
	case abandoned:
		return
	case succeeded:
		p.confirmed.Add(int64(len(ids)))
	default:
		p.Log.Debug("request failed", "flow", p.role, "operation", "post", "error", err)
	}
	p.meter.Record(connection, measure.Sample{
		Intended: d.Intended, Woke: d.Woke, Sent: sent, Answered: answered, Class: class, Messages: len(messages), Bytes: bytes,
	})
}

// enter tells the ledger how a post ended.
func (o *posting) enter(ids []client.MessageID, e ending, answered time.Duration) {
	switch e {
	case succeeded:
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = string(id)
		}
		o.post.Confirmed(texts, answered)
	case refused:
		o.post.Refused(answered)
	default:
		o.post.Unsure()
	}
}

// drive posts until the length is over.
func (p *producers) drive(ctx context.Context, start, length time.Duration) error {
	return p.Traffic.drive(ctx, start, length, p)
}

// operations are those of a driving flow. They may be done by many at a time.
type operations interface {
	offer(number int, intended time.Duration) // counts one that the schedule wants, in their order
	do(ctx context.Context, connection int, d schedule.Due)
	giveUp(connection int, d schedule.Due, now time.Duration) // the time is over
}

// drive makes a driving flow's operations, on a schedule or, in a closed loop, one after the other.
func (t *Traffic) drive(ctx context.Context, start, length time.Duration, o operations) error {
	if t.Cell.Level.Mode == plan.ClosedLoop {
		t.loop(ctx, start, length, o)
		return ctx.Err()
	}
	s, err := t.schedule(length)
	if err != nil {
		return err
	}
	due := make(chan schedule.Due, t.backlog(length))
	var running sync.WaitGroup
	running.Go(func() {
		number := -1
		offered := func(intended time.Duration) { number++; o.offer(number, intended) }
		schedule.Pacer{
			Clock: t.Clock, Sequence: shifted{s, start}, Rate: t.Cell.Level.Rate, Out: due, Offered: offered, Late: t.Late,
		}.Run(ctx)
	})
	for connection := range t.connections() {
		running.Go(func() {
			for d := range due {
				if now := t.Clock.Now(); now >= start+length+grace {
					o.giveUp(connection, d, now)
					continue
				}
				t.crowd.enter()
				o.do(ctx, connection, d)
				t.crowd.leave()
			}
		})
	}
	running.Wait()
	return ctx.Err()
}

// A crowd counts the operations of the driving flow that are under way.
type crowd struct{ now, most atomic.Int64 }

func (c *crowd) enter() {
	n := c.now.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
}

func (c *crowd) leave() { c.now.Add(-1) }

// Crowded reports whether there was a moment at which every connection of the driving flow was taken: then what was not sent may be the
// server's fault, which has not answered. If there was none, it is the generator's.
func (t *Traffic) Crowded() bool { return t.crowd.most.Load() >= int64(t.connections()) }

// grace is how long what was intended in time may still be sent when the time is over.
const grace = 100 * time.Millisecond

// loop makes operations one after the other, as many at a time as the level has clients.
func (t *Traffic) loop(ctx context.Context, start, length time.Duration, o operations) {
	var next atomic.Int64
	var running sync.WaitGroup
	for connection := range t.Cell.Level.Clients {
		running.Go(func() {
			t.Clock.SleepUntil(ctx, start)
			for ctx.Err() == nil {
				now := t.Clock.Now()
				if now >= start+length {
					return
				}
				number := int(next.Add(1)) - 1
				o.offer(number, now)
				o.do(ctx, connection, schedule.Due{Number: number, Intended: now, Woke: now})
			}
		})
	}
	running.Wait()
}

// schedule is that of the driving flow, from 0 on.
func (t *Traffic) schedule(length time.Duration) (schedule.Sequence, error) {
	return schedule.New(schedule.Pacing{
		Arrivals: t.Cell.Load.Arrivals, Rate: t.Cell.Level.Rate, Ramp: time.Duration(t.Cell.Load.Ramp), Length: length,
		Random: schedule.Stream(t.Seed, "arrivals", 0, 0),
	})
}

// shifted is a sequence that begins at a time of its own.
type shifted struct {
	schedule.Sequence
	by time.Duration
}

func (s shifted) Next() (time.Duration, bool) {
	at, ok := s.Sequence.Next()
	return at + s.by, ok
}

// backlog is how many operations may be due and not taken: all there can be, up to 24 MB of them.
func (t *Traffic) backlog(length time.Duration) int {
	return int(min(math.Ceil(2*t.Cell.Level.Rate*length.Seconds())+1000, 1<<20))
}

// connections is how many operations of the driving flow can be under way at once: what those who follow leave, of a set
// that never grows.
func (t *Traffic) connections() int {
	n := t.Cell.Load.Connections
	if t.Cell.Load.MaxInFlight > 0 {
		n = min(n, t.Cell.Load.MaxInFlight)
	}
	return max(n-len(t.actors), 1)
}

// sequence is the hash of all that the flow will offer: intended times, flows, queues, sizes and bodies.
func (p *producers) sequence(length time.Duration) (string, error) {
	s, err := p.schedule(length)
	if err != nil {
		return "", err
	}
	fresh, numbers := &producers{Traffic: p.Traffic, role: p.role, kind: p.kind}, make([]uint32, len(p.all))
	for n := range p.all {
		fresh.all = append(fresh.all, &producer{number: n, choose: p.choice(p.role, n)})
	}
	h := fnv.New64a()
	var text []byte
	for {
		at, ok := s.Next()
		if !ok {
			return fmt.Sprintf("%016x", h.Sum64()), nil
		}
		who, queue, sizes := fresh.draw()
		if who == nil { // whose turn it is to look follows from the number as well
			_, _ = fmt.Fprintf(h, "%d %s", at, p.kind(fresh.drawn-1))
			continue
		}
		text = fmt.Appendf(text[:0], "%d post %d %d", at, who.number, queue)
		for i, size := range sizes {
			b := ledger.Body{Producer: uint32(who.number), Number: numbers[who.number], Index: i, Size: len(sizes), Intended: at}
			numbers[who.number]++
			text = b.AppendPadded(text, size, p.workload.Messages.Compressible)
		}
		_, _ = h.Write(text)
	}
}

// Sequence is the hash of all that the driving flow will offer: the same for the same seed, whatever the target does. In a
// closed loop nothing is known before the answers; it is empty then.
func (t *Traffic) Sequence() (string, error) {
	if t.Cell.Level.Mode == plan.ClosedLoop {
		return "", nil
	}
	times := t.Cell.Time
	return t.driver.sequence(time.Duration(t.Cell.Load.Ramp + times.Warmup + times.Duration))
}

// prefill fills a queue before the run, ten messages a post.
func (t *Traffic) prefill(ctx context.Context, q *queue, c *client.Queue) error {
	const atOnce = 10
	book := t.Ledger.Producer()
	for left := t.workload.Space.Prefill; left > 0; left -= atOnce {
		o := &posting{sizes: make([]int, min(left, atOnce))}
		random := schedule.Stream(t.Seed, "prefill", q.number, left)
		for i := range o.sizes {
			o.sizes[i] = min(t.workload.Messages.Size.Draw(random), maxPost/atOnce)
		}
		o.post = book.Post(ledger.Posting{
			Queue: q.book, Messages: len(o.sizes), TTL: time.Duration(t.workload.Messages.TTL), Intended: t.Clock.Now(),
		})
		messages, _ := (&producers{Traffic: t}).messages(o, new([]byte))
		call, done := context.WithTimeout(ctx, time.Duration(t.Cell.Load.Timeout))
		ids, err := c.Post(call, messages...)
		done()
		e, _ := t.ending(ctx, err)
		o.enter(ids, e, t.Clock.Now())
		if err != nil {
			return fmt.Errorf("fill queue %s: %w", q.name, err)
		}
	}
	return nil
}

// maxPost is what the body of a post may have, less its framing.
const maxPost = 250 << 10
