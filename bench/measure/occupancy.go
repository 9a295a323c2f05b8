package measure

import (
	"fmt"
	"time"
)

// passing counts, apart from all histograms, who begins to wait in a slot and who is done, and when.
type passing struct {
	came, went     int64
	cameAt, wentAt time.Duration // sums of the times since the slot began
}

func (p *passing) enter(into time.Duration) { p.came++; p.cameAt += into }
func (p *passing) leave(into time.Duration) { p.went++; p.wentAt += into }

func (p *passing) add(o passing) {
	p.came += o.came
	p.went += o.went
	p.cameAt += o.cameAt
	p.wentAt += o.wentAt
}

// waited is how long, in seconds, all who came waited until so long after the slot began, less what those who went did not.
func (p *passing) waited(until time.Duration) float64 {
	return float64(p.came-p.went)*until.Seconds() - (p.cameAt - p.wentAt).Seconds()
}

// An Occupancy is how many operations of a kind were under way over a time: wanted by the schedule and not yet answered,
// failed or given up.
type Occupancy struct {
	Mean    float64
	AtEnds  int64         // when the time began and when it was over, together
	Longest time.Duration // response time of those that were answered meanwhile
}

// Occupancy is that of a key in the measured phases, which follow each other. It is counted, not computed from response times.
func (r *Recorder) Occupancy(k Key, from, to time.Duration) (o Occupancy) {
	r.Harvest()
	r.mu.Lock()
	defer r.mu.Unlock()
	var before, within int64
	waited := 0.0
	for _, s := range r.seconds {
		c := s.By[k]
		switch came := c.passing.came - c.passing.went; {
		case s.From < from:
			before += came
		case s.From < to:
			within += came
			waited += c.passing.waited(to - s.From)
			o.Longest = max(o.Longest, c.Max)
		}
	}
	length := (to - from).Seconds()
	o.Mean, o.AtEnds = float64(before)+waited/length, before+before+within
	return o
}

// Achieved is how many operations of a key have succeeded so far, as harvested.
func (r *Recorder) Achieved(k Key) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.achieved[k]
}

// maxLittleGap is by how much, of the larger, the two sides of Little's law may differ.
const maxLittleGap = 0.1

// Little is an account of a run's times that has to come out even (Little: A proof for the queuing formula L = λW, 1961): on
// average as many operations are under way as the rate times the mean response time says. If not, time went by that no
// response time tells of.
type Little struct {
	Occupancy
	Rate     float64 // of those achieved, 1/s
	Response *Histogram
	From, To time.Duration // of the run
}

// Product is the rate times the mean response time.
func (l Little) Product() float64 { return l.Rate * l.Response.Mean().Seconds() }

// Even reports whether the account comes out even; if not, what is wrong. An operation that is under way when the time begins
// or ends has only a part of its response time in it, which excuses as much.
func (l Little) Even() (even bool, why string) {
	if l.To <= l.From {
		return true, ""
	}
	product := l.Product()
	edges := float64(l.AtEnds) * max(l.Longest, l.Response.Max()).Seconds() / (l.To - l.From).Seconds()
	if gap := l.Mean - product; max(gap, -gap) <= maxLittleGap*max(l.Mean, product)+edges {
		return true, ""
	}
	return false, fmt.Sprintf("%.3g operations were under way on average, and the rate times the mean response time is %.3g", l.Mean, product)
}
