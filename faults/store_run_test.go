//go:build unix

package faults

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/ledger/linear"
)

// A storeRun is a workload on one server, whose store has a hard time meanwhile.
type storeRun struct {
	*workload
	t       testing.TB
	args    []string // of the server
	process *process
	door    *storeDoor
}

// storePatience is how long a workload may take to get somewhere.
const storePatience = 3 * time.Minute

// newStoreRun starts a server over the store at uri, with more arguments, and sets the workload to work.
func newStoreRun(t testing.TB, run, uri string, args ...string) *storeRun {
	t.Helper()
	return newStoreRunOf(t, run, 0, append(args, "--store", uri)...)
}

// newStoreRunOf is [newStoreRun] with each so-many-th of the actors, on a server with these arguments.
func newStoreRunOf(t testing.TB, run string, every int, args ...string) *storeRun {
	t.Helper()
	r := &storeRun{workload: newWorkload(t, run), t: t, args: args}
	r.every = every
	r.door = &storeDoor{to: client.NewTransport()}
	t.Cleanup(r.leave)
	r.start()
	r.begin(t.Context())
	r.goOn(300 * time.Millisecond)
	return r
}

// start starts the server.
func (r *storeRun) start() {
	r.t.Helper()
	r.process = start(r.t, r.args...)
	c, err := client.New(r.process.url, client.Config{Project: workloadProject, Transport: r.door})
	if err == nil {
		err = c.Ping(r.t.Context())
	}
	if err != nil {
		r.t.Fatalf("the server does not answer: %v\n%s", err, r.process.said)
	}
	r.server.born(c)
}

// restart starts the server anew, so that what is read comes from the store, and not from what the server remembers.
func (r *storeRun) restart() {
	r.t.Helper()
	r.server.dead()
	r.process.stop(r.t)
	r.start()
}

// goOn lets the workload work on a sound store for so long at least, and until it has got somewhere.
func (r *storeRun) goOn(least time.Duration) {
	r.t.Helper()
	somewhere := r.share(100) // messages shown
	before := r.l.Progress().Delivered
	time.Sleep(least)
	for end := time.Now().Add(storePatience); r.l.Progress().Delivered < before+somewhere; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("in %v the server has not shown %d messages, and says\n%s", storePatience, somewhere, r.process.said)
		}
	}
}

// trouble does something to the store. To what was asked before its end an answer of 503 is no cause for complaint.
func (r *storeRun) trouble(do func()) {
	r.t.Helper()
	life, _ := r.server.get()
	life.doomed.Store(true)
	do()
	r.sound()
	life.over(r.clock.Now())
}

// sound waits until posts go well again.
func (r *storeRun) sound() {
	r.t.Helper()
	began := time.Now()
	for r.door.goodSince(began) < int(r.share(50)) {
		if time.Since(began) > storePatience {
			r.t.Fatalf("%v after the trouble posts still fail, and the server says\n%s", storePatience, r.process.said)
		}
		time.Sleep(time.Millisecond)
	}
}

// finish drains the queues, stops the server, and gives the ledger's verdict.
func (r *storeRun) finish() ledger.Verdict {
	r.t.Helper()
	if err := r.end(r.t.Context()); err != nil {
		r.t.Fatalf("%v; the server says\n%s", err, r.process.said)
	}
	r.server.dead()
	r.process.stop(r.t)
	v := r.l.Verdict()
	r.t.Logf("confirmed %d, unsure %d (%d of them there), consumed %d; %d answers of 503, the longest time without a post that went well %v\nnever answered: %v\n%v",
		v.Confirmed, v.Unsure, v.UnsureAppeared, v.Deleted+v.Popped, r.door.refused.Load(), r.door.gap().Round(time.Millisecond), &r.unsure, v)
	if n := r.door.bare.Load(); n > 0 {
		r.t.Errorf("%d answers of 503 without Retry-After", n)
	}
	if v.Deleted == 0 || v.Popped == 0 || v.Confirmed < r.share(100) {
		r.t.Errorf("not much happened: %s", v.Report())
	}
	return v
}

// wantKept holds that nothing was lost, doubled or lent twice, and that nobody was told so.
func (r *storeRun) wantKept(v ledger.Verdict) {
	r.t.Helper()
	if n, first := r.complained(); n > 0 {
		r.t.Errorf("%d answers that should not have been, or should have, the first of them %s", n, first)
	}
	if !v.OK() {
		r.t.Error(v.Report())
	}
	got := linear.CheckClaims(r.l.History(), linear.Options{Grain: workloadGrain})
	for _, o := range got.Broken[:min(len(got.Broken), 5)] {
		r.t.Errorf("no order of claims explains %v", o)
	}
	shown := linear.CheckOrder(r.l.History(), linear.Options{})
	for _, o := range shown.Broken[:min(len(shown.Broken), 5)] {
		r.t.Errorf("no order of posts explains %v", o)
	}
}

// A storeDoor is a transport to which 503 is no answer: what was asked for may have been done.
type storeDoor struct {
	to      http.RoundTripper
	refused atomic.Int64 // answers of 503
	bare    atomic.Int64 // of those, without Retry-After

	mu    sync.Mutex // guards what follows
	posts []time.Time
}

var errStoreDoor = errors.New("503")

// RoundTrip implements http.RoundTripper.
func (d *storeDoor) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := d.to.RoundTrip(r)
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode == http.StatusServiceUnavailable:
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		_ = answer.Body.Close()
		d.refused.Add(1)
		if answer.Header.Get("Retry-After") == "" {
			d.bare.Add(1)
		}
		time.Sleep(20 * time.Millisecond) // not the Retry-After, so that there is a throng
		return nil, fmt.Errorf("%w: %s %s: %s", errStoreDoor, r.Method, r.URL.Path, text)
	case answer.StatusCode == http.StatusCreated && r.Method == http.MethodPost:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.posts = append(d.posts, time.Now())
	}
	return answer, nil
}

// CloseIdleConnections lets a client close what it has opened.
func (d *storeDoor) CloseIdleConnections() { d.to.(*http.Transport).CloseIdleConnections() }

// goodSince counts the posts and claims that have gone well since then.
func (d *storeDoor) goodSince(t time.Time) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.posts) - 1; i >= 0 && d.posts[i].After(t); i-- {
		n++
	}
	return n
}

// gap is the longest time between two that went well.
func (d *storeDoor) gap() (longest time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := 1; i < len(d.posts); i++ {
		longest = max(longest, d.posts[i].Sub(d.posts[i-1]))
	}
	return longest
}
