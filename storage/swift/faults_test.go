//go:build unix

package swift_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/pure"
)

// A troubled Swift has a gateway before it.
type troubled struct {
	*faultproxy.Gateway

	swift *testservices.Swift
	spent atomic.Int64 // names of queues and containers
	hit   atomic.Int64 // requests that something was planned for
}

func newTroubled(t *testing.T, o testservices.SwiftOptions) *troubled {
	t.Helper()
	s := testservices.StartSwift(t, o)
	return &troubled{Gateway: faultproxy.StartGateway(t, s.Host), swift: s}
}

// account logs in through the gateway, with less patience than usual.
func (s *troubled) account(t testing.TB, patience time.Duration) *objects.Account {
	t.Helper()
	a, err := objects.Open(t.Context(), objects.Options{
		AuthURL: "http://" + s.Addr(), Version: objects.V1, User: "test:tester", Key: "testing", Timeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeIt(t, a) })
	return a
}

func (s *troubled) name(of string) string { return fmt.Sprintf("%s-%d", of, s.spent.Add(1)) }

// A clock is the real one, or ahead of it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time        { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(by time.Duration) { c.ahead.Add(int64(by)) }

// A design opens two stores over the same data, as two processes would.
type design struct {
	name string
	open func(t *testing.T, s *troubled, c *clock, patience time.Duration) [2]marconi.DataStore
}

// patient is how long requests may take where none is left without an answer.
const patient = 30 * time.Second

var designs = []design{{"with an index", openIndexedTwice}, {"alone", openAloneTwice}}

func openIndexedTwice(t *testing.T, s *troubled, c *clock, patience time.Duration) (both [2]marconi.DataStore) {
	o := indexed.Options{Options: storage.Options{Now: c.now}, Prefix: s.name("indexed"), Containers: 1}
	index := memory.New(o.Options)
	for i := range both {
		store, err := indexed.New(s.account(t, patience), index.Data, o)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = store
	}
	t.Cleanup(func() {
		closeIt(t, both[0])
		closeIt(t, both[1])
		closeIt(t, index.Data)
		closeIt(t, index.Control)
	})
	return both
}

func openAloneTwice(t *testing.T, s *troubled, c *clock, patience time.Duration) (both [2]marconi.DataStore) {
	o := pure.Options{Now: c.now, Namespace: s.name("alone")}
	for i := range both {
		store, err := pure.New(t.Context(), s.account(t, patience), o)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = store
		t.Cleanup(func() { closeIt(t, store) })
	}
	return both
}

func (s *troubled) queue() marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: marconi.QueueName(s.name("q"))}, Incarnation: 7}
}

// A kindOfTrouble happens to requests, and may be borne once in so many of them.
type kindOfTrouble struct {
	name string
	faultproxy.Trouble
	every int
}

var troubles = []kindOfTrouble{
	{"503 before it is done", faultproxy.Trouble{Refuse: http.StatusServiceUnavailable}, 3},
	{"503 when it is done", faultproxy.Trouble{Answer: http.StatusServiceUnavailable}, 3},
	{"401", faultproxy.Trouble{Refuse: http.StatusUnauthorized}, 3},
	{"202 and not done", faultproxy.Trouble{Refuse: http.StatusAccepted}, 3},
	{"202 and done", faultproxy.Trouble{Answer: http.StatusAccepted}, 3},
	{"404 of what is there", faultproxy.Trouble{Refuse: http.StatusNotFound}, 3},
	{"507", faultproxy.Trouble{Refuse: http.StatusInsufficientStorage}, 3},
	{"hung up when it is done", faultproxy.Trouble{Cut: true}, 3},
	{"a body that is damaged", faultproxy.Trouble{Change: damage}, 2},
	{"no answer, and not done", faultproxy.Trouble{Lost: true}, 7},
	{"no answer, and done", faultproxy.Trouble{Mute: true}, 7},
}

// someTroubles are all, or in short those that others don't stand for.
func someTroubles() []kindOfTrouble {
	if soaking {
		return troubles
	}
	return slices.DeleteFunc(slices.Clone(troubles), func(k kindOfTrouble) bool {
		return k.Lost || k.Refuse == http.StatusInsufficientStorage
	})
}

// damage changes a byte of an answer.
func damage(r *http.Response) error {
	text, err := io.ReadAll(r.Body)
	if len(text) > 0 && r.Request.Method == http.MethodGet {
		text[len(text)/2] ^= 1
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return err
}

// patience is how long requests may take when this happens to some.
func (k kindOfTrouble) patience() time.Duration {
	if k.Lost || k.Mute {
		return 2 * time.Second
	}
	return patient
}

// aboutData are requests that are about objects, not log-ins and the like.
func aboutData(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/") }

// isPut are those that store something.
func isPut(r *http.Request) bool { return aboutData(r) && r.Method == http.MethodPut }

// isGet are those that get an object.
func isGet(r *http.Request) bool {
	return aboutData(r) && r.Method == http.MethodGet && strings.Count(strings.TrimRight(r.URL.Path, "/"), "/") > 3
}

// once has the trouble happen to the next request of a kind.
func (s *troubled) once(trouble faultproxy.Trouble, which func(*http.Request) bool) {
	done := false
	s.Plan(func(r *http.Request) faultproxy.Trouble {
		if done || !which(r) {
			return faultproxy.Trouble{}
		}
		done = true
		s.hit.Add(1)
		return trouble
	})
}

// always has it happen to all of them.
func (s *troubled) always(trouble faultproxy.Trouble, which func(*http.Request) bool) {
	s.Plan(func(r *http.Request) faultproxy.Trouble {
		if !which(r) {
			return faultproxy.Trouble{}
		}
		s.hit.Add(1)
		return trouble
	})
}

// sometimes has it happen to each n-th of them.
func (s *troubled) sometimes(trouble faultproxy.Trouble, n int, which func(*http.Request) bool) {
	seen := 0
	s.Plan(func(r *http.Request) faultproxy.Trouble {
		if !which(r) {
			return faultproxy.Trouble{}
		}
		if seen++; seen%n != 0 {
			return faultproxy.Trouble{}
		}
		s.hit.Add(1)
		return trouble
	})
}

// wantHit checks that the trouble came, and begins to count anew.
func (s *troubled) wantHit(t *testing.T) {
	t.Helper()
	if s.hit.Swap(0) == 0 {
		t.Error("no request was in trouble")
	}
}

// numbered is a post of n messages that can be told apart.
func numbered(from, n int) marconi.Post {
	p := newPost(n)
	for i := range p.Messages {
		p.Messages[i].Body = fmt.Appendf(nil, `{"n": %d}`, from+i)
	}
	return p
}

func bodiesOf(messages []marconi.Message) []string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = string(m.Body)
	}
	return all
}

// listed are the bodies of all messages of a queue.
func listed(t *testing.T, d marconi.DataStore, q marconi.QueueRef) []string {
	t.Helper()
	page, err := d.List(t.Context(), q, marconi.Listing{Limit: 1000, Echo: true, IncludeClaimed: true})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return bodiesOf(page.Items)
}

// TestTroubleWithSwift is about what a gateway does to requests.
func TestTroubleWithSwift(t *testing.T) {
	s := newTroubled(t, testservices.SwiftOptions{})
	for _, d := range designs {
		t.Run(d.name, func(t *testing.T) {
			t.Run("a post bears it once", func(t *testing.T) { postsBearTrouble(t, s, d) })
			t.Run("a post that fails", func(t *testing.T) { postsThatFail(t, s, d) })
			t.Run("reading that fails", func(t *testing.T) { readingThatFails(t, s, d) })
			t.Run("nothing confirmed is lost", func(t *testing.T) { nothingIsLost(t, s, d) })
		})
	}
	t.Run("reading with an index bears it once", func(t *testing.T) { readingBearsTrouble(t, s) })
	t.Run("stats without Swift", func(t *testing.T) { statsWithoutSwift(t, s) })
}

// One request that goes wrong, in whatever way, costs a client nothing: the messages are there, each once.
func postsBearTrouble(t *testing.T, s *troubled, d design) {
	for _, trouble := range someTroubles() {
		stores := d.open(t, s, &clock{}, trouble.patience())
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d messages", trouble.name, n), func(t *testing.T) {
				defer s.Plan(nil)
				q := s.queue()
				if _, err := stores[0].Post(t.Context(), q, numbered(0, 1)); err != nil { // makes the container
					t.Fatal(err)
				}
				s.once(trouble.Trouble, isPut)
				_, err := stores[0].Post(t.Context(), q, numbered(1, n))
				s.wantHit(t)
				got, all := listed(t, stores[1], q), []string{`{"n": 0}`, `{"n": 1}`, `{"n": 2}`, `{"n": 3}`}[:n+1]
				switch {
				case err != nil && trouble.Lost && len(got) == 1 && d.name == "alone":
					// It may come late, or be consumed by now: what is not there is not stored again.
				case err != nil:
					t.Errorf("the post failed: %v", err)
				case !slices.Equal(got, all):
					t.Errorf("there are %v, want %v", got, all)
				}
			})
		}
	}
}

// A post that can't succeed says so as one that is unavailable, and leaves all of itself or nothing; without an index, some of it.
func postsThatFail(t *testing.T, s *troubled, d design) {
	for _, trouble := range someTroubles() {
		if trouble.Change != nil {
			continue // that is about reading
		}
		stores := d.open(t, s, &clock{}, trouble.patience())
		t.Run(trouble.name, func(t *testing.T) {
			defer s.Plan(nil)
			q := s.queue()
			if _, err := stores[0].Post(t.Context(), q, numbered(0, 1)); err != nil {
				t.Fatal(err)
			}
			s.always(trouble.Trouble, isPut)
			_, err := stores[0].Post(t.Context(), q, numbered(1, 3))
			s.Plan(nil)
			s.wantHit(t)
			got := listed(t, stores[1], q)
			switch stored := len(got) - 1; {
			case err == nil && stored != 3:
				t.Errorf("the post went well, and there are %v", got)
			case err != nil && marconi.KindOf(err) != marconi.Unavailable:
				t.Errorf("the post ended with %v", err)
			case err != nil && stored != 0 && stored != 3:
				t.Errorf("after %v there are %v", err, got)
			}
			if _, err := stores[0].Post(t.Context(), q, numbered(9, 1)); err != nil {
				t.Errorf("afterwards a post ends with %v", err)
			}
		})
	}
}

// reads are all ways to get bodies.
var reads = map[string]func(ctx context.Context, d marconi.DataStore, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error){
	"list": func(ctx context.Context, d marconi.DataStore, q marconi.QueueRef, _ []marconi.MessageID) ([]marconi.Message, error) {
		page, err := d.List(ctx, q, marconi.Listing{Limit: 10, Echo: true, IncludeClaimed: true})
		return page.Items, err
	},
	"get": func(ctx context.Context, d marconi.DataStore, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
		return d.Messages(ctx, q, ids)
	},
	"claim": func(ctx context.Context, d marconi.DataStore, q marconi.QueueRef, _ []marconi.MessageID) ([]marconi.Message, error) {
		got, err := d.Claim(ctx, q, marconi.ClaimRequest{ID: marconi.ClaimID(uuid.NewString()), TTL: 60, Limit: 10})
		return got.Messages, err
	},
	"pop": func(ctx context.Context, d marconi.DataStore, q marconi.QueueRef, _ []marconi.MessageID) ([]marconi.Message, error) {
		return d.Pop(ctx, q, 10)
	},
}

// With an index what is there is known, and asked for again.
func readingBearsTrouble(t *testing.T, s *troubled) {
	for _, trouble := range someTroubles() {
		if trouble.Answer == http.StatusAccepted || trouble.Refuse == http.StatusAccepted || !soaking && trouble.Answer != 0 {
			continue // that is about PUT
		}
		stores := openIndexedTwice(t, s, &clock{}, trouble.patience())
		for name, read := range reads {
			t.Run(name+", "+trouble.name, func(t *testing.T) {
				defer s.Plan(nil)
				q := s.queue()
				ids, err := stores[0].Post(t.Context(), q, numbered(0, 3))
				if err != nil {
					t.Fatal(err)
				}
				s.once(trouble.Trouble, isGet)
				got, err := read(t.Context(), stores[1], q, ids)
				s.wantHit(t)
				if want := []string{`{"n": 0}`, `{"n": 1}`, `{"n": 2}`}; err != nil || !slices.Equal(bodiesOf(got), want) {
					t.Errorf("there are %v, %v; want %v", bodiesOf(got), err, want)
				}
			})
		}
	}
}

// What can't be read is not shown, and is not gone: once Swift is well, and claims that were made meanwhile are over, it is there.
func readingThatFails(t *testing.T, s *troubled, d design) {
	c := &clock{}
	for _, trouble := range someTroubles() {
		if trouble.Answer == http.StatusAccepted || trouble.Refuse == http.StatusAccepted {
			continue
		}
		stores := d.open(t, s, c, trouble.patience())
		for name, read := range reads {
			if !soaking && (trouble.Lost || trouble.Mute || trouble.Refuse == http.StatusUnauthorized || trouble.Answer != 0) {
				continue
			}
			t.Run(name+", "+trouble.name, func(t *testing.T) {
				defer s.Plan(nil)
				q := s.queue()
				ids, err := stores[0].Post(t.Context(), q, numbered(0, 2))
				if err != nil {
					t.Fatal(err)
				}
				s.always(trouble.Trouble, isGet)
				got, err := read(t.Context(), stores[1], q, ids)
				s.Plan(nil)
				s.wantHit(t)
				if len(got) > 0 || err != nil && marconi.KindOf(err) != marconi.Unavailable {
					t.Errorf("there are %v, %v", bodiesOf(got), err)
				}
				if name == "get" && err == nil && d.name != "alone" {
					t.Error("messages that can't be read are said not to be there")
				}
				c.pass(2 * time.Minute)
				again, err := reads["claim"](t.Context(), stores[1], q, nil)
				want := []string{`{"n": 0}`, `{"n": 1}`}
				if err != nil || !sameBodies(again, want) {
					t.Errorf("afterwards there are %v, %v; want %v", bodiesOf(again), err, want)
				}
			})
		}
	}
}

// sameBodies holds in any order: what a pop could not read is put back at the end.
func sameBodies(messages []marconi.Message, want []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(bodiesOf(messages))), want)
}

// statsWithoutSwift are those of the index.
func statsWithoutSwift(t *testing.T, s *troubled) {
	defer s.Plan(nil)
	stores, q := openIndexedTwice(t, s, &clock{}, patient), s.queue()
	if _, err := stores[0].Post(t.Context(), q, numbered(0, 3)); err != nil {
		t.Fatal(err)
	}
	s.always(faultproxy.Trouble{Refuse: http.StatusServiceUnavailable}, aboutData)
	if got, err := stores[1].Stats(t.Context(), q); err != nil || got.Free != 3 {
		t.Errorf("Stats = %+v, %v", got, err)
	}
	if err := stores[1].Ping(t.Context()); err == nil {
		t.Error("Ping says nothing")
	}
}

// A mill is a producer and workers on a queue in trouble, and what they know of it.
type mill struct {
	t      *testing.T
	stores [2]marconi.DataStore
	q      marconi.QueueRef

	posts int // made so far

	mu        sync.Mutex // guards what follows
	confirmed map[string]bool
	shown     map[string]int // under claims
	failed    int            // calls
}

// nothingIsLost lets requests of all kinds go wrong now and then. Without an index calls make dozens of them, so that it has to be
// less often.
func nothingIsLost(t *testing.T, s *troubled, d design) {
	for _, trouble := range someTroubles() {
		every := trouble.every
		if d.name == "alone" {
			every *= 8
		}
		t.Run(trouble.name, func(t *testing.T) {
			defer s.Plan(nil)
			c := &clock{}
			m := newMill(t, d.open(t, s, c, trouble.patience()), s.queue())
			s.sometimes(trouble.Trouble, every, aboutData)
			m.run()
			s.Plan(nil)
			s.wantHit(t)
			c.pass(2 * time.Minute) // what is held by claims that nobody knows of is free then
			m.drain()
			m.judge(d.name != "alone")
		})
	}
}

// TestAContainerServerIsDown kills one of three, so that listings don't hear of all that is stored, amid the work of a mill.
func TestAContainerServerIsDown(t *testing.T) {
	s := newTroubled(t, testservices.SwiftOptions{Cluster: true})
	for _, d := range designs {
		t.Run(d.name, func(t *testing.T) {
			c := &clock{}
			m := newMill(t, d.open(t, s, c, patient), s.queue())
			m.run() // makes what there is to list
			server := s.swift.Containers[len(d.name)%len(s.swift.Containers)]
			server.Kill()
			m.run()
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			m.run()
			c.pass(2 * time.Minute)
			for end := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) { // until the listings agree
				if m.drain(); m.complete() || time.Now().After(end) {
					break
				}
			}
			m.judge(d.name != "alone")
		})
	}
}

// complete reports whether all that was confirmed has been shown.
func (m *mill) complete() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for body := range m.confirmed {
		if m.shown[body] == 0 {
			return false
		}
	}
	return true
}

func newMill(t *testing.T, stores [2]marconi.DataStore, q marconi.QueueRef) *mill {
	return &mill{t: t, stores: stores, q: q, confirmed: map[string]bool{}, shown: map[string]int{}}
}

const millPosts = 5

func (m *mill) run() {
	var all sync.WaitGroup
	var posted atomic.Bool
	all.Go(func() {
		defer posted.Store(true)
		for i := range millPosts {
			m.post(numbered(10*(m.posts+i), 1+i%3))
		}
		m.posts += millPosts
	})
	for _, store := range m.stores {
		all.Go(func() {
			for idle := false; !idle; {
				idle = posted.Load() // before it looks
				idle = !m.work(store) && idle
			}
		})
	}
	all.Wait()
}

func (m *mill) post(p marconi.Post) {
	_, err := m.stores[0].Post(m.t.Context(), m.q, p)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.failed++
		return
	}
	for _, one := range p.Messages {
		m.confirmed[string(one.Body)] = true
	}
}

// work claims messages and deletes them, and reports whether there were any.
func (m *mill) work(d marconi.DataStore) bool {
	id := marconi.ClaimID(uuid.NewString())
	got, err := d.Claim(m.t.Context(), m.q, marconi.ClaimRequest{ID: id, TTL: 60, Limit: 2})
	m.mu.Lock()
	for _, one := range got.Messages {
		m.shown[string(one.Body)]++
	}
	if err != nil {
		m.failed++
	}
	m.mu.Unlock()
	for _, one := range got.Messages {
		for range 3 { // a worker tries again
			if err := d.Delete(m.t.Context(), m.q, one.ID, id); err == nil {
				break
			}
		}
	}
	return len(got.Messages) > 0
}

// drain takes what is left, with Swift well again.
func (m *mill) drain() {
	m.t.Helper()
	for m.work(m.stores[0]) {
	}
}

// judge says what was lost, and counts what came twice: with an index nothing may.
func (m *mill) judge(exact bool) {
	m.t.Helper()
	twice := 0
	for body, n := range m.shown {
		twice += n - 1
		if !strings.HasPrefix(body, `{"n": `) {
			m.t.Errorf("a message has the body %q", body)
		}
	}
	for body := range m.confirmed {
		if m.shown[body] == 0 {
			m.t.Errorf("the message %s was lost", body)
		}
	}
	m.t.Logf("%d messages confirmed, %d shown, %d of them once more; %d calls failed", len(m.confirmed), len(m.shown), twice, m.failed)
	if len(m.confirmed) == 0 {
		m.t.Error("not a post went well")
	}
	if exact && twice > 0 {
		m.t.Errorf("%d messages came twice", twice)
	}
}
