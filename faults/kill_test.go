//go:build unix

package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/ledger/linear"
)

// What was confirmed outlives the process, whenever that dies.
func TestKill(t *testing.T) {
	r := newKillRun(t)
	r.start()
	r.begin(t.Context())
	for range short(3, 50) {
		r.load(short(300*time.Millisecond, 500*time.Millisecond), short(1100*time.Millisecond, 3500*time.Millisecond))
		r.kill()
		r.start()
	}
	r.load(300*time.Millisecond, time.Second)
	r.finish()

	v := r.l.Verdict()
	t.Log(r.report(v))
	if !v.OK() {
		t.Error(v.Report())
	}
	if v.Deleted == 0 || v.Popped == 0 || v.Leftover == 0 || v.Redelivered.Count == 0 || r.unsure.total() == 0 {
		t.Errorf("not much happened: %s", v.Report())
	}
	if n, first := r.complained(); n > 0 {
		t.Errorf("%d answers that should not have been, or should have, the first of them %s", n, first)
	}
	for i := range r.keptShown {
		if got := r.keptShown[i].Load(); got != int64(r.keptDrained) {
			t.Errorf("observer %d was shown %d messages of the queue from which nothing is taken, which has %d", i, got, r.keptDrained)
		}
	}
	r.checkClaims()
}

// A killRun is a workload on a server that is killed, and started again on the same store.
type killRun struct {
	*workload
	t       testing.TB
	file    string   // of the store; or ""
	args    []string // of the server
	process *process
	begun   time.Time
	kills   int
	slowest time.Duration // from a start to the first answer
}

func newKillRun(t testing.TB) *killRun {
	file := filepath.Join(t.TempDir(), "queues.db")
	r := newKillRunOver(t, "kill", "--store", "sqlite:///"+file)
	r.file = file
	return r
}

// newKillRunOver makes a workload on a server with such arguments, which does not run yet.
func newKillRunOver(t testing.TB, run string, args ...string) *killRun {
	serverBinary(t) // which takes time that is not the server's
	r := &killRun{workload: newWorkload(t, run), t: t, args: args, begun: time.Now()}
	t.Cleanup(r.leave)
	return r
}

// start starts the server and waits until it answers.
func (r *killRun) start() {
	r.t.Helper()
	begun := time.Now()
	r.process = start(r.t, r.args...)
	c, err := client.New(r.process.url, client.Config{Project: workloadProject, Transport: client.NewTransport()})
	if err == nil {
		err = c.Ping(r.t.Context())
	}
	if err != nil {
		r.t.Fatalf("the server does not answer: %v\n%s", err, r.process.said)
	}
	if r.kills > 0 {
		r.slowest = max(r.slowest, time.Since(begun))
	}
	r.server.born(c)
}

// load lets the workload go on for some time of at least least and less than most, and longer if it must to get somewhere.
func (r *killRun) load(least, most time.Duration) {
	r.t.Helper()
	somewhere := r.share(150) // messages shown
	before := r.l.Progress().Delivered
	time.Sleep(r.random.between(least, most))
	for waited := time.Duration(0); r.l.Progress().Delivered < before+somewhere; waited += time.Millisecond {
		if waited > time.Minute {
			r.t.Fatalf("in a minute the server has not shown %d messages, and says\n%s", somewhere, r.process.said)
		}
		time.Sleep(time.Millisecond)
	}
}

// kill kills the server amid the workload, which is told of it only when it has come to feel it.
func (r *killRun) kill() {
	r.server.doom()
	r.process.kill()
	r.server.dead()
	r.kills++
	if said := r.process.said.String(); strings.Contains(said, "level=ERROR") {
		r.t.Errorf("the server says\n%s", said)
	}
}

func (r *killRun) finish() {
	r.t.Helper()
	if err := r.end(r.t.Context()); err != nil {
		n, first := r.complained()
		r.t.Fatalf("%v, after %d complaints, the first of which is %s; the server says\n%s", err, n, first, r.process.said)
	}
	r.server.dead() // closes connections that were never used, for which a server that stops waits
	r.process.stop(r.t)
}

// checkClaims looks for an order of all that was done to each message.
func (r *killRun) checkClaims() {
	begun := time.Now()
	got := linear.CheckClaims(r.l.History(), linear.Options{Grain: workloadGrain})
	r.t.Logf("%d histories of messages checked in %v", got.Messages, time.Since(begun).Round(time.Millisecond))
	for _, o := range got.Broken[:min(len(got.Broken), 5)] {
		r.t.Errorf("no order of claims explains %v", o)
	}
	shown := linear.CheckOrder(r.l.History(), linear.Options{})
	for _, o := range shown.Broken[:min(len(shown.Broken), 5)] {
		r.t.Errorf("no order of posts explains %v", o)
	}
	if n := len(got.Undecided); n > 0 {
		r.t.Errorf("of %d messages it can't be told whether there is an order, such as %v", n, got.Undecided[0])
	}
}

// report is the run in a few lines.
func (r *killRun) report(v ledger.Verdict) string {
	return fmt.Sprintf("%d kills in %v, answers %v after a start at most\nmessages confirmed %d, unsure %d, consumed %d\nnever answered: %v\n%v\n%s",
		r.kills, time.Since(r.begun).Round(time.Millisecond), r.slowest.Round(time.Millisecond),
		v.Confirmed, v.Unsure, v.Deleted+v.Popped, &r.unsure, v, v.Identity())
}
