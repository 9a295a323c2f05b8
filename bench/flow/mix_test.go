package flow

import (
	"math"
	"testing"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
)

// A mixed workload does of each kind as many operations as its share says, each whose turn it is by its number, and all of
// them on the same queues.
func TestAMixHasItsShares(t *testing.T) {
	url := startServer(t)
	for name, test := range map[string]struct {
		workload string
		want     map[plan.Role]float64
	}{
		"everyday":    {"{use: mixed}", map[plan.Role]float64{plan.Producers: 0.6, plan.Observers: 0.25, plan.Auditors: 0.1, plan.Monitors: 0.05}},
		"without all": {"{use: mixed, auditors: 0, monitors: 0}", map[plan.Role]float64{plan.Producers: 0.6 / 0.85, plan.Observers: 0.25 / 0.85}},
	} {
		t.Run(name, func(t *testing.T) {
			run := play(t, url, cell(t, "1.1", test.workload, "rates: [300], arrivals: even", "duration: 1s"), 1)
			if !run.verdict.OK() {
				t.Error(run.verdict.Report())
			}
			const all = 300
			turns := map[plan.Role]int{}
			for number := range all {
				turns[run.driver.(*mix).kind(number)]++
			}
			for role, want := range test.want {
				if n := float64(turns[role]); math.Abs(n-want*all) > 4*math.Sqrt(all*want*(1-want)) {
					t.Errorf("%v of %d operations are those of %s, want about %v", n, all, role, want*all)
				}
			}
			if got := run.offered(); len(got) != len(test.want) {
				t.Errorf("operations of %v, want those of %v", got, test.want)
			} else {
				for role, n := range turns {
					if got[role] != int64(n) {
						t.Errorf("%d operations of %s were offered, want %d: as many as had their turn", got[role], role, n)
					}
				}
			}
		})
	}
}

// offered is how many operations of those who are driven the recorder knows of, by role.
func (p played) offered() map[plan.Role]int64 {
	p.Recorder.Harvest()
	all := map[plan.Role]int64{}
	for _, s := range p.Recorder.Seconds() {
		if s.Phase == "drain" { // nobody drives them then
			continue
		}
		for k, c := range s.By {
			role := plan.Role(k.Flow + "s")
			switch k.Operation {
			case "post", "list", "list.empty", "stats":
				all[role] += c.Offered
			}
		}
	}
	return all
}

// The mix follows from the seed, in what is posted and in whose turn it is.
func TestAMixFollowsFromItsSeed(t *testing.T) {
	url := startServer(t)
	c := cells(t, "{use: mixed}")[1]
	sequence := func(seed uint64) string {
		text, err := prepare(t, url, c, seed).Sequence()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if one, same, other := sequence(1), sequence(1), sequence(2); one == "" || one != same || one == other {
		t.Errorf("the sequences of seeds 1, 1 and 2 are %s, %s and %s", one, same, other)
	}
}

// What could not be sent in time is on the books of those whose turn it was.
func TestAMixGivesUpWhatIsLate(t *testing.T) {
	run := prepare(t, startServer(t), cells(t, "{use: mixed}")[1], 1)
	run.Recorder.Begin("measure", true, 0)
	m := run.driver.(*mix)
	want := map[measure.Key]int64{}
	for number := range 100 {
		m.offer(number, 1)
		m.giveUp(0, schedule.Due{Number: number, Intended: 1}, 2)
		role := m.kind(number)
		operation := "post"
		if role != plan.Producers {
			operation = looking(role)
		}
		want[measure.Key{Flow: singular(role), Operation: operation}]++
	}
	totals := run.Recorder.Totals()
	for k, n := range want {
		if got := totals[k]; got == nil || got.Offered != n || got.Cut.Count() != n {
			t.Errorf("%s: %+v, want %d offered and given up", k, got, n)
		}
	}
}
