package flow

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/lying"
	"github.com/marconi-mq/marconi/bench/plan"
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
	given := p.givenUp.settle(p.Ledger.Lives())
	if r.Count != given.givenUp-given.notAgain || len(p.Broken()) > 0 {
		t.Errorf("%d were redelivered, %d given up and %d of them not handed out again; %v", r.Count, given.givenUp, given.notAgain, p.Broken())
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

// What was released and is handed out to nobody is found when workers have asked for more, and got nothing.
func TestWhatIsKeptBackIsFound(t *testing.T) {
	for _, api := range plan.Versions() {
		t.Run("v"+api, func(t *testing.T) {
			t.Parallel()
			s := lying.Start(t, lying.Options{Lie: lying.KeepBack, Every: 5})
			c := cell(t, api, "{use: redelivery, crash: 0.3, space: {queues: 2}}", "rates: [200]", "duration: 1s")
			run := play(t, s.URL, c, 1)
			kept := run.Figures(run.verdict, nil)["given_up_kept_back"].Value
			if told := s.Told(); len(told) == 0 || kept != float64(len(told)) || len(run.Broken()) != 1 {
				t.Errorf("%v were kept back, want %d: %v\n%s", kept, len(told), run.Broken(), run.verdict.Report())
			}
			if run.Loose = true; len(run.Broken()) != 0 {
				t.Errorf("of a store that promises no better: %v", run.Broken())
			}
		})
	}
}
