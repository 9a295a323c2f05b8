package flow

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/lying"
	"github.com/marconi-mq/marconi/ledger"
)

// wantRedelivered looks whether each delivery but the first is counted as one that was due, and delayed as long.
func (p played) wantRedelivered(t *testing.T, least, most time.Duration) {
	t.Helper()
	again := int64(0)
	for life := range p.Ledger.Lives() {
		again += int64(max(life.Taken-1, 0))
	}
	r := p.verdict.Redelivered
	if !p.verdict.OK() || again == 0 || r.Count != again {
		t.Errorf("%d were redelivered, want %d\n%s", r.Count, again, p.verdict.Report())
	}
	if r.Mean() < least || r.Max > most {
		t.Errorf("it took %v, at most %v; want %v to %v", r.Mean(), r.Max, least, most)
	}
}

// What was released is delivered again, and nobody is to blame.
func TestRedeliveryByRelease(t *testing.T) {
	t.Parallel()
	for _, c := range cells(t, "{use: redelivery, crash: 0.3}") {
		run := play(t, startServer(t), c, 1)
		run.wantRedelivered(t, 1, 10*time.Second)
	}
}

// So is what workers went away with, when their claims have expired. The clocks of run and store leap over the minute that
// this takes.
func TestRedeliveryByExpiry(t *testing.T) {
	t.Parallel()
	clock := &leaping{}
	s := lying.Start(t, lying.Options{Now: clock.wall})
	c := cell(t, "1.1", "{use: redelivery, crash: 0.3, crash_by: expiry, consuming: {claim_ttl: 60s, process: 1ms}, messages: {ttl: 10m}}", "rates: [200]", "duration: 500ms")
	run := prepare(t, s.URL, c, 1)
	clock.Clock, run.Clock = run.Clock, clock
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for before := (ledger.Progress{}); before != run.Ledger.Progress(); { // somebody is at work whose claim would expire
		before = run.Ledger.Progress()
		time.Sleep(700 * time.Millisecond)
	}
	clock.ahead.Store(int64(61 * time.Second))
	drained, err := run.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	played{run, run.Ledger.Verdict(), drained}.wantRedelivered(t, 59*time.Second, 80*time.Second)
}
