package ledger_test

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// A lane is a producer and a worker of one queue, and their clock.
type lane struct {
	q     *ledger.Queue
	p     *ledger.Producer
	w     *ledger.Worker
	clock time.Duration
	body  []byte
	id    []byte
}

func newLane(l *ledger.Ledger, i int) *lane {
	name := strconv.Itoa(i)
	return &lane{q: l.Queue("p", name), p: l.Producer(), w: l.Worker(name)}
}

// eventsOfALife is what is reported of a message: that it is being posted, and was; claimed; being deleted, and was.
const eventsOfALife = 5

// live leads a message through its life.
func (a *lane) live() {
	a.clock += 5 * time.Millisecond
	post := a.p.Post(ledger.Posting{Queue: a.q, Messages: 1, TTL: time.Hour, Intended: a.clock})
	b := post.Body(0)
	a.id = fmt.Appendf(a.id[:0], "%024x", uint64(b.Producer)<<32|uint64(b.Number))
	a.body = b.Append(a.body[:0])
	id := string(a.id)
	post.Confirmed([]string{id}, a.clock+1000)
	claim := a.w.Claimed(ledger.Claiming{
		Queue: a.q, ID: id, TTL: time.Minute, Call: ledger.Call{Sent: a.clock + 2000, Answered: a.clock + 3000},
	}, []ledger.Seen{{ID: id, Body: a.body}})
	d := claim.Messages()[0].Deleting(a.clock+4000, claim)
	d.Confirmed(a.clock + 5000)
}

func BenchmarkEvents(b *testing.B) {
	for _, lanes := range []int{1, 32} {
		b.Run(fmt.Sprintf("lanes=%d", lanes), func(b *testing.B) {
			l := ledger.New(ledger.Options{Run: "bench"})
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for i := range lanes {
				all.Go(func() {
					a := newLane(l, i)
					for range b.N / lanes {
						a.live()
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)*eventsOfALife/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}

func BenchmarkParseBody(b *testing.B) {
	for _, size := range []int{130, 1024} {
		body := ledger.Body{Run: "bench", Producer: 7, Number: 123456, Size: 1, Intended: time.Hour}.AppendPadded(nil, size, 0)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := ledger.ParseBody(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendBody makes the bodies that BenchmarkParseBody reads.
func BenchmarkAppendBody(b *testing.B) {
	body := ledger.Body{Run: "bench", Producer: 7, Number: 123456, Size: 1, Intended: time.Hour}
	for _, size := range []int{130, 1024} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			buffer := make([]byte, 0, size)
			for b.Loop() {
				body.AppendPadded(buffer, size, 0)
			}
		})
	}
}

// BenchmarkVerdict measures the books of a million messages: their memory, and the time it takes to close them.
func BenchmarkVerdict(b *testing.B) {
	const messages, lanes = 1_000_000, 32
	before := heap()
	l := fill(ledger.Options{Run: "bench"}, messages, lanes)
	held := heap() - before
	for b.Loop() {
		if v := l.Verdict(); v.Deleted != messages || !v.OK() {
			b.Fatal(v)
		}
	}
	b.ReportMetric(float64(held)/messages, "B/message")
}

// fill is a ledger of so many lives.
func fill(o ledger.Options, messages, lanes int) *ledger.Ledger {
	l := ledger.New(o)
	var last time.Duration
	for i := range lanes {
		a := newLane(l, i)
		for range messages / lanes {
			a.live()
		}
		last = max(last, a.clock)
	}
	for i := range lanes {
		l.Drain(l.Queue("p", strconv.Itoa(i)), last+10000).Done(last + 20000)
	}
	return l
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestCostOfAMessage holds the memory that the package's comment promises.
func TestCostOfAMessage(t *testing.T) {
	const messages = 50_000
	before := heap()
	l := fill(ledger.Options{Run: "bench"}, messages, 4)
	cost := float64(heap()-before) / messages
	if v := l.Verdict(); !v.OK() || v.Deleted != messages {
		t.Errorf("the verdict is %s", v.Report())
	}
	if cost > 64 {
		t.Errorf("a message costs %.1f bytes, want 64 at most", cost)
	}
}

// BenchmarkSpill measures what records cost that are in a file: what is reported of a message, and its memory.
func BenchmarkSpill(b *testing.B) {
	for name, memory := range map[string]int{"memory": -1, "file": 1} {
		b.Run(name, func(b *testing.B) {
			const messages = 500_000
			for b.Loop() {
				b.StopTimer()
				before := heap()
				b.StartTimer()
				l := fill(ledger.Options{Run: "bench", InMemory: memory, SpillTo: b.TempDir()}, messages, 4)
				b.StopTimer()
				b.ReportMetric(float64(heap()-before)/messages, "B/message")
				runtime.KeepAlive(l)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)*messages*eventsOfALife/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}
