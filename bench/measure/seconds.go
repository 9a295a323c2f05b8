package measure

import (
	"maps"
	"slices"
	"time"
)

// A Second is a second of a phase, or what is left of the phase at its end.
type Second struct {
	From, To time.Duration // since the run began
	Phase    string
	By       map[Key]Counts
}

// Counts are the figures of one kind of operation in a second: of what was wanted, sent and answered in it.
type Counts struct {
	Offered  int64 // for what follows from an answer, as deletes do: those that were sent
	Sent     int64
	Achieved int64
	Messages int64
	Bytes    int64
	Errors   map[Class]int64
	Response Encoded // response times of those achieved

	// P50, P99 and Max are those of the response times; 0 if there are none. Where [Enough] does not say that so many tell a percentile it is
	// not to be told: the P99 of few is their longest.
	P50, P99, Max time.Duration

	passing passing
}

// counting is what one shard counts of a second.
type counting struct {
	Counts
	response *Histogram
}

// record counts an operation that ended so long after the slot began.
func (c *counting) record(s Sample, into time.Duration) {
	c.passing.leave(into)
	if s.Class != OK {
		if c.Errors == nil {
			c.Errors = map[Class]int64{}
		}
		c.Errors[s.Class]++
		return
	}
	c.Achieved++
	c.Messages += int64(s.Messages)
	c.Bytes += s.Bytes
	if c.response == nil {
		c.response = NewHistogram()
	}
	c.response.Record(s.Answered - s.Intended)
}

// Harvest takes what has been counted since it was last called into the series. It is called about once a second, so that
// histograms don't pile up.
func (r *Recorder) Harvest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, m := range r.meters {
		for at, c := range m.harvest() {
			r.enter(k, at, c)
		}
	}
}

// harvest takes what the shards have counted.
func (m *Meter) harvest() map[slot]*counting {
	all := map[slot]*counting{}
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		open := sh.open
		sh.open = map[slot]*counting{}
		sh.mu.Unlock()
		for at, c := range open {
			if all[at] == nil {
				all[at] = c
			} else {
				all[at].merge(c)
			}
		}
	}
	return all
}

func (c *counting) merge(o *counting) {
	c.Offered += o.Offered
	c.Sent += o.Sent
	c.Achieved += o.Achieved
	c.Messages += o.Messages
	c.Bytes += o.Bytes
	c.passing.add(o.passing)
	for class, n := range o.Errors {
		if c.Errors == nil {
			c.Errors = map[Class]int64{}
		}
		c.Errors[class] += n
	}
	if c.response == nil {
		c.response = o.response
	} else {
		c.response.Merge(o.response)
	}
}

// enter adds counts to a second of the series, which may have been entered in part before. The caller holds r.mu.
func (r *Recorder) enter(k Key, at slot, c *counting) {
	s := r.seconds[at]
	if s == nil {
		s = r.newSecond(at)
		r.seconds[at] = s
	}
	r.achieved[k] += c.Achieved
	if before, some := s.By[k]; some {
		c.merge(before.counting())
	}
	if c.response.Count() > 0 {
		c.P50, _ = c.response.Quantile(0.5)
		c.P99, _ = c.response.Quantile(0.99)
		c.Max = c.response.Max()
		c.Response = c.response.Encode()
	}
	s.By[k] = c.Counts
}

func (c Counts) counting() *counting {
	response, err := Decode(c.Response)
	if err != nil {
		panic("measure: " + err.Error()) // it was encoded by us
	}
	return &counting{Counts: c, response: response}
}

func (r *Recorder) newSecond(at slot) *Second {
	phases := *r.phases.Load()
	from := r.began(at)
	to := from + time.Second
	if at.phase+1 < len(phases) {
		to = min(to, phases[at.phase+1].From)
	}
	return &Second{From: from, To: to, Phase: phases[at.phase].Name, By: map[Key]Counts{}}
}

// Seconds is the series as harvested, in order.
func (r *Recorder) Seconds() []Second {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Second, 0, len(r.seconds))
	for _, s := range r.seconds {
		all = append(all, Second{From: s.From, To: s.To, Phase: s.Phase, By: maps.Clone(s.By)})
	}
	slices.SortFunc(all, func(a, b Second) int { return int(a.From - b.From) })
	return all
}

// Keys are those of all seconds, in the order of their names.
func Keys(seconds []Second) []Key {
	all := map[string]Key{}
	for _, s := range seconds {
		for k := range s.By {
			all[k.String()] = k
		}
	}
	keys := make([]Key, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		keys = append(keys, all[name])
	}
	return keys
}
