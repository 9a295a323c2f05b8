package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/lying"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
)

// A hurried clock runs so many times as fast as its own.
type hurried struct {
	schedule.Clock
	times int64
	began time.Time
}

func (h *hurried) Now() time.Duration { return h.Clock.Now() * time.Duration(h.times) }

func (h *hurried) SleepUntil(ctx context.Context, t time.Duration) {
	h.Clock.SleepUntil(ctx, t/time.Duration(h.times))
}

func (h *hurried) wall() time.Time { return h.began.Add(time.Since(h.began) * time.Duration(h.times)) }

// Who works on a message for longer than its claim lasts has it taken away and given to another, his delete comes too late and is refused,
// and nothing is doubled or lost by that. A minute of the clocks of run and store is six tenths of a second.
func TestSlowWorkersLoseTheirClaims(t *testing.T) {
	for _, api := range plan.Versions() {
		t.Run("v"+api, func(t *testing.T) {
			t.Parallel()
			clock := &hurried{times: 100, began: time.Now()}
			s := lying.Start(t, lying.Options{Now: clock.wall})
			const slow = "{use: slow-worker, messages: {ttl: 2h}, consuming: {process: \"exponential:40s\", idle_wait: 4s}}"
			run := prepare(t, s.URL, cell(t, api, slow, "rates: [1]", "duration: 240s"), 1)
			clock.Clock, run.Clock = run.Clock, clock
			if err := run.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			drained, err := run.Drain(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			over := played{run, run.Ledger.Verdict(), drained}
			late, again := int64(0), int64(0)
			for class, n := range over.failed("worker", "delete") {
				if late += n; !strings.HasPrefix(string(class), "4") {
					t.Errorf("%d deletes failed: %s; want refusals alone", n, class)
				}
			}
			for life := range run.Ledger.Lives() {
				again += int64(max(life.Taken-1, 0))
			}
			v := over.verdict
			if !v.OK() || !drained || v.Lost > 0 || late == 0 || again < late || v.Redelivered.Count != again {
				t.Errorf("drained %v; %d deletes came too late, %d messages were handed out again, %d are counted\n%s", drained, late, again, v.Redelivered.Count, v.Report())
			}
		})
	}
}
