package flow

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/ledger"
)

// What workers have deleted before an auditor came is missed, and nobody's fault.
func TestQuickWorkersAreMissedBySpeedOnly(t *testing.T) {
	t.Parallel()
	const unhurried = "{use: audit, workers: 20, consuming: {idle_wait: 40ms}}"
	run := play(t, startServer(t), cell(t, "1.1", unhurried, "rates: [300]", "duration: 1500ms"), 1)
	figures := run.Figures(run.verdict, nil)
	if !run.verdict.OK() || figures["missed_by_speed"].Value == 0 || figures["missed_by_fault"].Value != 0 {
		t.Errorf("missed by speed %v, by fault %v\n%s", figures["missed_by_speed"].Value, figures["missed_by_fault"].Value, run.verdict.Report())
	}
	if figures["audit_messages"].Value == 0 || figures["audit_pages"].Value == 0 {
		t.Errorf("the auditors saw nothing: %v", figures)
	}
}

// Nothing that is looked at changes by it: each message is claimed once and deleted, with auditors as without.
func TestAuditorsChangeNothing(t *testing.T) {
	for _, auditors := range []int{0, 5} {
		t.Run(fmt.Sprint(auditors), func(t *testing.T) {
			t.Parallel()
			audit := fmt.Sprintf("{use: audit, auditors: %d, monitors: %d, consuming: {process: 5ms}}", auditors, auditors)
			run := play(t, startServer(t), cell(t, "1.1", audit, "rates: [200]", "duration: 1500ms"), 1)
			if !run.verdict.OK() || run.verdict.Redelivered.Count > 0 || run.verdict.Posted < 20 {
				t.Errorf("the ledger is not clean\n%s", run.verdict.Report())
			}
			for life := range run.Ledger.Lives() {
				if life.Taken != 1 || life.Fate != ledger.FateDeleted {
					t.Fatalf("message %d of producer %d was taken %d times, and is %s", life.Number, life.Producer, life.Taken, life.Fate)
				}
			}
			if seen := run.Figures(run.verdict, nil)["audit_messages"].Value; (seen > 0) != (auditors > 0) {
				t.Errorf("%d auditors saw %v messages", auditors, seen)
			}
		})
	}
}

// A disturbed store takes longer to post for a while after somebody has listed what is claimed, too.
type disturbed struct {
	marconi.DataStore
	by     time.Duration
	listed atomic.Int64
}

func (d *disturbed) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	if l.IncludeClaimed {
		d.listed.Store(time.Now().UnixNano())
	}
	return d.DataStore.List(ctx, q, l)
}

func (d *disturbed) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if time.Since(time.Unix(0, d.listed.Load())) < 200*time.Millisecond {
		time.Sleep(d.by)
	}
	return d.DataStore.Post(ctx, q, p)
}

// What auditing costs the work is told with its interval: by how much it was slower while it was watched.
func TestThePriceOfAuditing(t *testing.T) {
	t.Parallel()
	const by = 100 * time.Millisecond // much more than a busy machine adds
	attempts(t, func() (string, *measure.Histogram) {
		url := startServerOver(t, func(d marconi.DataStore) marconi.DataStore { return &disturbed{DataStore: d, by: by} })
		run := play(t, url, cell(t, "1.1", "{use: audit}", "rates: [100]", "duration: 8s"), 1)
		if !run.verdict.OK() {
			t.Error(run.verdict.Report())
		}
		figures := run.Figures(run.verdict, nil)
		for _, name := range []string{"price_post_rate", "price_post_p99", "price_claim_rate", "price_claim_p99", "drift_post_p99"} {
			f := figures[name]
			if f.Low == nil || f.High == nil || *f.Low > f.Value || f.Value > *f.High || f.Says == "" {
				t.Errorf("%s is %+v, want an interval round it", name, f)
			}
		}
		price := figures["price_post_p99"]
		if price.Low == nil || *price.Low <= 0 || price.Value < float64(by)/2 || price.Value > float64(2*by) {
			why := fmt.Sprintf("the price of auditing is %v (%v…%v), want about %v", ms(&price.Value), ms(price.Low), ms(price.High), by)
			return why, run.Recorder.PacerLag(measure.Key{Flow: "producer", Operation: "post"})
		}
		return "", nil
	})
}

// ms is a figure in nanoseconds as a duration, if there is one.
func ms(ns *float64) time.Duration {
	if ns == nil {
		return 0
	}
	return time.Duration(*ns).Round(time.Millisecond)
}
