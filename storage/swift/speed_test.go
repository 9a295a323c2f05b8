//go:build unix

package swift_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/sqlstore"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/pure"
)

// soaking is whether tests run in full, for as long as that takes.
var soaking = os.Getenv("MARCONI_TEST_SOAK") == "1"

// speedBody is of 2 KiB.
var speedBody = []byte(`"` + strings.Repeat("x", 2046) + `"`)

func speedBodies(n int) [][]byte { return slices.Repeat([][]byte{speedBody}, n) }

// A contender keeps queues in a Swift. Its queues are known by numbers, each of which has one client.
type contender interface {
	fill(ctx context.Context, queue, messages, each int) error // with posts of so many, as fast as may be
	forget() error                                             // as another process would know nothing yet
	post(ctx context.Context, queue, n int) error
	claim(ctx context.Context, queue, n int) error
	stats(ctx context.Context, queue int) error
}

// A speedOperation is what clients do again and again, each to a queue of its own.
type speedOperation struct {
	name    string
	times   int // that the pattern does it in a turn, each client; the others, which are faster, do it more often
	filled  int // messages that are there for each time
	always  int // and beside them
	each    int // in posts of so many
	cold    bool
	without []string
	goal    float64 // times the pattern's rate that design A reaches
	do      func(ctx context.Context, c contender, queue int) error
}

const oftener = 4

var speedOperations = []speedOperation{
	{name: "post10", times: 8, each: 1, goal: 5, do: func(ctx context.Context, c contender, q int) error { return c.post(ctx, q, 10) }},
	{name: "claim10-cold-posted-in-tens", times: 3, filled: 10, each: 10, cold: true, goal: 20, do: claimTen},
	{name: "claim10-cold-posted-singly", times: 3, filled: 10, each: 1, cold: true, goal: 5, without: []string{"alone"}, do: claimTen},
	{name: "claim10-warm", times: 3, filled: 10, each: 10, goal: 20, without: []string{"alone"}, do: claimTen},
	{name: "stats", times: 10, always: 20, each: 10, goal: 100, do: func(ctx context.Context, c contender, q int) error { return c.stats(ctx, q) }},
}

func claimTen(ctx context.Context, c contender, queue int) error { return c.claim(ctx, queue, 10) }

// A race is between contenders for one Swift.
type race struct {
	contenders map[string]contender
	queues     int // used so far
	round      int
}

const patternName = "pattern"

func startRace(tb testing.TB) *race {
	tb.Helper()
	s := testservices.StartSwift(tb, testservices.SwiftOptions{})
	return &race{contenders: map[string]contender{
		patternName:    &patternContender{pattern: newPattern(tb, s), swift: openAccount(tb, s), markers: map[int]string{}},
		"sqlite-index": newIndexedContender(tb, s, "sqlite", openSQLite(tb)),
		"memory-index": newIndexedContender(tb, s, "memory", memory.New(storage.Options{})),
		"alone":        &storeContender{DataStore: openPure(tb, s, pure.Options{})},
	}}
}

// openAccount logs in, in the way of tests that need no options.
func openAccount(tb testing.TB, s *testservices.Swift) *objects.Account {
	tb.Helper()
	a, err := objects.Open(context.Background(), objects.Options{AuthURL: s.AuthURL, Version: objects.V1, User: "test:tester", Key: "testing"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeIt(tb, a) })
	return a
}

func closeIt(tb testing.TB, c interface{ Close() error }) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Errorf("Close: %v", err)
	}
}

func openSQLite(tb testing.TB) storage.Opened {
	tb.Helper()
	o, err := sqlstore.OpenSQLite(tb.Context(), "sqlite:///"+filepath.Join(tb.TempDir(), "index.db"), storage.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func openPure(tb testing.TB, s *testservices.Swift, o pure.Options) *pure.Store {
	tb.Helper()
	store, err := pure.New(tb.Context(), openAccount(tb, s), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeIt(tb, store) })
	return store
}

// order is that of the names in this round: the other way round in the next.
func (r *race) order(without []string) []string {
	var names []string
	for name := range r.contenders {
		if !slices.Contains(without, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if r.round%2 == 1 {
		slices.Reverse(names)
	}
	r.round++
	return names
}

// run gives each a turn, and adds the rates, in operations a second.
func (r *race) run(tb testing.TB, op speedOperation, clients int, rates map[string][]float64) {
	tb.Helper()
	for _, name := range r.order(op.without) {
		rate, err := r.turn(tb.Context(), op, clients, name)
		if err != nil {
			tb.Fatalf("%s by %s: %v", op.name, name, err)
		}
		rates[name] = append(rates[name], rate)
	}
}

func (r *race) turn(ctx context.Context, op speedOperation, clients int, name string) (rate float64, err error) {
	c, times, first := r.contenders[name], op.times, r.queues
	r.queues += clients
	if name != patternName {
		times *= oftener
	}
	for i := range clients {
		if err := c.fill(ctx, first+i, op.filled*times+op.always, op.each); err != nil {
			return 0, fmt.Errorf("fill: %w", err)
		}
	}
	if op.cold {
		if err := c.forget(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err = atOnce(clients, func(i int) error {
		for range times {
			if err := op.do(ctx, c, first+i); err != nil {
				return err
			}
		}
		return nil
	})
	return float64(clients*times) / time.Since(start).Seconds(), err
}

// atOnce does n things at once, and gives one of the errors.
func atOnce(n int, do func(i int) error) error {
	var all sync.WaitGroup
	errs := make(chan error, n)
	for i := range n {
		all.Go(func() { errs <- do(i) })
	}
	all.Wait()
	for range n {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// ratios are the medians of each contender's rates beside the pattern's of the same round.
func ratios(rates map[string][]float64) map[string]float64 {
	all := map[string]float64{}
	for name, own := range rates {
		var each []float64
		for i := range own {
			each = append(each, own[i]/rates[patternName][i])
		}
		all[name] = middle(each)
	}
	delete(all, patternName)
	return all
}

func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// BenchmarkUpstream reports, of bodies of 2 KiB none of which is kept inline, operations a second of
//
//	pattern       a client that makes the requests of OpenStack's own driver
//	sqlite-index  our store with an index in SQLite, as it is by default: synced
//	memory-index  with one in memory
//	alone         with no index
//
// and how many times as fast as the pattern the others are. An iteration gives each a turn at the same Swift; what is
// reported are medians. The goals, of sqlite-index, are post10 5, claim10 20 but for cold ones posted singly 5, stats 100.
func BenchmarkUpstream(b *testing.B) {
	r := startRace(b)
	for _, op := range speedOperations {
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/clients=%d", op.name, clients), func(b *testing.B) {
				rates := map[string][]float64{}
				for b.Loop() {
					r.run(b, op, clients, rates)
				}
				b.ReportMetric(0, "ns/op")
				for name, own := range rates {
					b.ReportMetric(middle(own), name+"/s")
				}
				for name, ratio := range ratios(rates) {
					b.ReportMetric(ratio, name+":pattern")
				}
			})
		}
	}
}

// speedPart is the part of its goals that the store is held to.
var speedPart = 1.0

// TestFasterThanUpstream holds the store to its goals. On a busy machine a turn may be unlucky: by the middle of several it is judged.
func TestFasterThanUpstream(t *testing.T) {
	least, most := 1, 5
	if soaking {
		least = most
	}
	r := startRace(t)
	for _, op := range speedOperations {
		if !soaking {
			op.times = max(1, op.times/3)
			op.without = []string{"memory-index", "alone"}
		}
		rates, all := map[string][]float64{}, map[string]float64{}
		for n := 0; n < least || n < most && all["sqlite-index"] < speedPart*op.goal; n++ {
			r.run(t, op, 1, rates)
			all = ratios(rates)
		}
		t.Logf("%s: the pattern does %.1f a second, the others so many times that: %v", op.name, middle(rates[patternName]), all)
		if got := all["sqlite-index"]; got < speedPart*op.goal {
			t.Errorf("%s with an index is %.1f times as fast as upstream's requests, want %.1f", op.name, got, speedPart*op.goal)
		}
	}
}

// A patternContender fills its queues by other means, as that is not measured.
type patternContender struct {
	*pattern

	swift objects.Client

	mu      sync.Mutex // guards markers
	markers map[int]string
}

func (p *patternContender) name(queue int) string { return fmt.Sprintf("q%d", queue) }

func (p *patternContender) fill(ctx context.Context, queue, messages, _ int) error {
	if err := p.create(ctx, p.name(queue)); err != nil || messages == 0 {
		return err
	}
	uploads := make([]objects.Upload, messages)
	for i := range uploads {
		name, content, err := newPatternMessage(speedBody)
		if err != nil {
			return err
		}
		uploads[i] = objects.Upload{Name: name, Body: content, Attributes: objects.Attributes{ContentType: "application/json"}}
	}
	return p.swift.PutMany(ctx, patternMessages(p.name(queue)), uploads)
}

func (p *patternContender) forget() error { return nil } // it remembers nothing

func (p *patternContender) post(ctx context.Context, queue, n int) error {
	return p.pattern.post(ctx, p.name(queue), speedBodies(n))
}

func (p *patternContender) claim(ctx context.Context, queue, n int) error {
	p.mu.Lock()
	marker := p.markers[queue]
	p.mu.Unlock()
	names, err := p.pattern.claim(ctx, p.name(queue), marker, n)
	if err == nil && len(names) != n {
		err = fmt.Errorf("%d messages claimed", len(names))
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.markers[queue] = names[n-1]
	return nil
}

func (p *patternContender) stats(ctx context.Context, queue int) error {
	_, err := p.pattern.stats(ctx, p.name(queue))
	return err
}

// A storeContender is a store of ours.
type storeContender struct {
	marconi.DataStore

	open func() (marconi.DataStore, error) // once more, over the same data; nil: it remembers nothing
}

// newIndexedContender is a store with an index.
func newIndexedContender(tb testing.TB, s *testservices.Swift, prefix string, index storage.Opened) *storeContender {
	tb.Helper()
	open := func() (marconi.DataStore, error) {
		a, err := objects.Open(tb.Context(), objects.Options{AuthURL: s.AuthURL, Version: objects.V1, User: "test:tester", Key: "testing"})
		if err != nil {
			return nil, err
		}
		return indexed.New(a, index.Data, indexed.Options{Prefix: prefix, Containers: 4})
	}
	store, err := open()
	if err != nil {
		tb.Fatal(err)
	}
	c := &storeContender{DataStore: store, open: open}
	tb.Cleanup(func() {
		closeIt(tb, c.DataStore)
		closeIt(tb, index.Data)
		closeIt(tb, index.Control)
	})
	return c
}

func speedQueue(queue int) marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: marconi.QueueName(fmt.Sprintf("q%d", queue))}, Incarnation: 1}
}

func (c *storeContender) fill(ctx context.Context, queue, messages, each int) error {
	if err := c.post(ctx, queue, each); err != nil { // the first post to a queue is not like others
		return err
	}
	return atOnce(min(8, max(messages/each-1, 0)), func(i int) error {
		for n := (1 + i) * each; n < messages; n += 8 * each {
			if err := c.post(ctx, queue, each); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *storeContender) forget() error {
	if c.open == nil {
		return nil
	}
	other, err := c.open()
	if err != nil {
		return err
	}
	err = c.DataStore.Close()
	c.DataStore = other
	return err
}

func (c *storeContender) post(ctx context.Context, queue, n int) error {
	_, err := c.Post(ctx, speedQueue(queue), newPost(n))
	return err
}

func newPost(n int) marconi.Post {
	p := marconi.Post{Client: "3381af92-2b9e-11e3-b191-71861300734c", Messages: make([]marconi.NewMessage, n)}
	for i := range p.Messages {
		p.Messages[i] = marconi.NewMessage{TTL: patternTTL, Body: speedBody}
	}
	return p
}

func (c *storeContender) claim(ctx context.Context, queue, n int) error {
	got, err := c.Claim(ctx, speedQueue(queue), marconi.ClaimRequest{ID: marconi.ClaimID(uuid.NewString()), TTL: 300, Grace: 60, Limit: n})
	if err == nil && len(got.Messages) != n {
		err = fmt.Errorf("%d messages claimed", len(got.Messages))
	}
	return err
}

func (c *storeContender) stats(ctx context.Context, queue int) error {
	_, err := c.Stats(ctx, speedQueue(queue))
	return err
}
