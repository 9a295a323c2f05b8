package flow

import (
	"fmt"
	"math"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/stats"
	"github.com/marconi-mq/marconi/ledger"
)

// Figures are what only this workload counts, by name. They are known after Drain. The ledger is gone through once, which
// takes its time with a million messages: whoever else wants to know of each hands also; nil: nobody does.
func (t *Traffic) Figures(v ledger.Verdict, also func(ledger.Life)) map[string]result.Figure {
	all, s := map[string]result.Figure{}, t.survey(also)
	if t.audits != nil {
		t.auditFigures(v, s, all)
	}
	if len(t.callers) > 0 {
		t.callFigures(s, all)
	}
	if t.givenUp != nil {
		t.givenUp.settle(t.Ledger.Lives()).figures(all)
	}
	if len(t.queues) > 1 {
		if index, some := s.fairness(len(t.queues)); some {
			all["fairness"] = figure(index, "ratio", "Jain's index of the messages that queues got: 1 if all got as many, 1/queues if one got all.")
		}
	}
	return all
}

// A survey is what going through all messages has found.
type survey struct {
	audited    int                // messages that were intended while there were auditors
	unanswered int                // calls
	queues     map[string]float64 // messages that were delivered
}

func (t *Traffic) survey(also func(ledger.Life)) survey {
	s := survey{queues: map[string]float64{}}
	for life := range t.Ledger.Lives() {
		if also != nil {
			also(life)
		}
		if life.Posted != ledger.Confirmed {
			continue
		}
		if life.Delivered > 0 {
			s.queues[life.Queue]++
		}
		if t.audits != nil && t.audits.during.holds(life.Intended) {
			s.audited++
		}
		if int(life.Producer) < len(t.callers) && t.callers[life.Producer].answers[life.Number] == 0 {
			s.unanswered++
		}
	}
	return s
}

// Broken says, a sentence each, which of the workload's own rules were not kept, beside what the ledger knows.
func (t *Traffic) Broken() []string {
	var all []string
	for _, c := range t.callers {
		if c.himself > 0 {
			all = append(all, fmt.Sprintf("caller %d was shown %d messages of its own, though echo was off", c.number, c.himself))
		}
		twice := 0
		for _, n := range c.answers {
			twice += n - 1
		}
		if twice > 0 {
			all = append(all, fmt.Sprintf("caller %d got %d answers more than it made calls", c.number, twice))
		}
	}
	if t.givenUp != nil && !t.Loose {
		if why := t.givenUp.settle(t.Ledger.Lives()).broken(); why != "" {
			all = append(all, why)
		}
	}
	return all
}

func figure(value float64, unit, says string) result.Figure {
	return result.Figure{Value: value, Unit: unit, Says: says}
}

func (t *Traffic) callFigures(s survey, all map[string]result.Figure) {
	calls := t.driver.(*producers).confirmed.Load()
	all["calls"] = figure(float64(calls), "messages", "Calls that were confirmed.")
	all["calls_unanswered"] = figure(float64(s.unanswered), "messages", "Calls that got no answer before the run ended. If both were confirmed and somebody asked for them to the end, the ledger has one of the two as missed.")
}

// auditFigures say what auditors saw, and what it cost the work.
func (t *Traffic) auditFigures(v ledger.Verdict, s survey, all map[string]result.Figure) {
	a := t.audits
	all["audit_pages"] = figure(float64(a.pages.Load()), "pages", "Pages with messages that auditors read.")
	all["audit_messages"] = figure(float64(a.messages.Load()), "messages", "Messages on them.")
	all["audit_pages_with_claimed"] = figure(float64(a.claimed.Load()), "pages", "Pages that say of a message that it is claimed, where the API's version says so in listings.")
	all["audit_fetched"] = figure(float64(a.fetched.Load()), "messages", "Messages that auditors fetched by ID to look at them again.")
	byFault := float64(v.Faults[ledger.Missed] + v.Excused[ledger.Missed])
	all["missed_by_fault"] = figure(byFault, "messages", "Messages that an auditor went past though they were there: must be none.")
	all["missed_by_speed"] = figure(max(t.unseen(s.audited)-byFault, 0), "messages", "Messages that workers had deleted before an auditor came: no fault.")
	if t.isAudit() {
		t.price(all)
	}
}

// unseen is how many of the messages of the time of the audit were not seen, over all auditors.
func (t *Traffic) unseen(posted int) float64 {
	missed := 0.0
	for _, a := range t.audits.all {
		missed += math.Max(float64(posted)-float64(a.posted.Load()), 0)
	}
	return missed
}

// price is what auditing costs: the work while it was watched against the work before and after.
func (t *Traffic) price(all map[string]result.Figure) {
	driving := measure.Key{Flow: singular(t.workload.Describe().Drives), Operation: "post"}
	claims := measure.Key{Flow: singular(plan.Workers), Operation: "claim"}
	rate := func(s measure.Second, c measure.Counts) float64 {
		return float64(c.Achieved) / (s.To - s.From).Seconds()
	}
	slow := func(_ measure.Second, c measure.Counts) float64 { return float64(c.P99) }
	t.Recorder.Harvest()
	seconds := t.Recorder.Seconds()
	for _, p := range []struct {
		name, unit, says string
		key              measure.Key
		of               func(measure.Second, measure.Counts) float64
	}{
		{"price_post_rate", "1/s", "By how much more was posted while it was audited.", driving, rate},
		{"price_post_p99", "ns", "By how much longer posts took (p99 of a second) while it was audited.", driving, slow},
		{"price_claim_rate", "1/s", "By how much more claims found something while it was audited.", claims, rate},
		{"price_claim_p99", "ns", "By how much longer claims took (p99 of a second) while it was audited.", claims, slow},
	} {
		alone := append(perSecond(seconds, "before", p.key, p.of), perSecond(seconds, "after", p.key, p.of)...)
		t.putShift(all, p.name, alone, perSecond(seconds, "during", p.key, p.of), p.unit, p.says)
	}
	before, after := perSecond(seconds, "before", driving, slow), perSecond(seconds, "after", driving, slow)
	t.putShift(all, "drift_post_p99", before, after, "ns", "By how much longer posts took after the audit than before it: if its interval leaves 0 out, the machine has changed, and the price is not to be trusted.")
}

// putShift adds by how much b is above a, unless a phase was too short to have a whole second.
func (t *Traffic) putShift(all map[string]result.Figure, name string, a, b []float64, unit, says string) {
	if len(a) == 0 || len(b) == 0 {
		return
	}
	f := figure(0, unit, says)
	shift := stats.Shift(t.Seed, a, b)
	f.Value = shift.Value
	if shift.Sure() {
		f.Low, f.High = &shift.Low, &shift.High
	}
	all[name] = f
}

// perSecond gives a figure of each whole second of a phase.
func perSecond(seconds []measure.Second, phase string, k measure.Key, of func(measure.Second, measure.Counts) float64) (values []float64) {
	for _, s := range seconds {
		if s.Phase == phase && s.To-s.From >= shortest {
			values = append(values, of(s, s.By[k]))
		}
	}
	return values
}

// shortest is what a second may have lost at the end of its phase and still be taken for one.
const shortest = 500 * time.Millisecond

// fairness is Jain's index of how many messages each queue got (Jain, Chiu, Hawe: A quantitative measure of fairness, 1984).
func (s survey) fairness(queues int) (index float64, some bool) {
	var sum, squares float64
	for _, n := range s.queues {
		sum += n
		squares += n * n
	}
	if squares == 0 {
		return 0, false
	}
	return sum * sum / (float64(queues) * squares), true
}

// Phases are the parts of a workload that has them.
func (t *Traffic) Phases() []result.Phase {
	if !t.isAudit() {
		return nil
	}
	var all []result.Phase
	phases := t.Recorder.Phases()
	for i, p := range phases {
		if !p.Measured {
			continue
		}
		driving := t.Recorder.PhaseTotals(p.Name)[measure.Key{Flow: singular(t.workload.Describe().Drives), Operation: "post"}]
		all = append(all, result.Phase{
			Name: p.Name, FromNS: int64(p.From), ToNS: int64(phases[i+1].From), Achieved: driving.Achieved,
			Response: result.LatencyOf(driving.Response),
		})
	}
	return all
}
