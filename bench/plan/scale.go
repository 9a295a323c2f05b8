package plan

import (
	"slices"
	"strconv"
	"time"
)

// Scale gives the plan in another size. There is one, tiny: every cell once, for half a second with little load, so that a
// plan can be tried from end to end. Its figures mean nothing.
func (p *Plan) Scale(size string) (*Plan, error) {
	if size != "tiny" {
		return nil, unknownWord(size, "scale", "tiny")
	}
	tiny := *p
	tiny.source = nil
	tiny.Load = tinyLoad(p.Load)
	tiny.Time = tinyTime(p.Time, 1)
	tiny.Faults = nil // each workload has its own: they depend on its time
	tiny.Vary = tinyVary(p.Vary)
	tiny.Workloads = nil
	for _, w := range p.Workloads {
		tiny.Workloads = append(tiny.Workloads, p.tinyWorkload(w))
	}
	tiny.Skip = tiny.skipsLeft(p)
	if p.Sweep != nil {
		s := *p.Sweep
		s.Low, s.High, s.Step, s.Factor = 20, 40, 0, 2
		s.Duration, s.Repeats = tinyTime(p.Time, tiny.phases()).Duration, 1
		tiny.Sweep = &s
	}
	return &tiny, nil
}

const (
	tinyRate    = 50
	tinyClients = 4
	tinyLength  = 400 * Duration(time.Millisecond) // of a run; of each phase it is half
)

func (p *Plan) phases() int {
	n := 1
	for _, w := range p.Workloads {
		n = max(n, w.Describe().Phases)
	}
	return n
}

func tinyTime(t Time, phases int) Time {
	t.Warmup = min(t.Warmup, 100*Duration(time.Millisecond))
	t.Duration = max(tinyLength, tinyLength/2*Duration(phases))
	t.Drain = min(t.Drain, 2*second)
	t.Cooldown = 0
	t.Repeats = 1
	return t
}

// tinyLoad keeps one level of each kind.
func tinyLoad(l Load) Load {
	if len(l.Rates) > 0 {
		l.Rates = []Rate{min(l.Rates[0], tinyRate)}
	}
	if len(l.Clients) > 0 {
		l.Clients = []int{min(l.Clients[0], tinyClients)}
	}
	if l.Arrivals.Kind == "burst" {
		l.Arrivals.Size, l.Arrivals.Every = min(l.Arrivals.Size, tinyRate), 0
	}
	l.Ramp = min(l.Ramp, 100*Duration(time.Millisecond))
	l.Timeout = min(l.Timeout, 10*second)
	return l
}

// tinyFaults happen at the same share of the run as before.
func tinyFaults(faults []Fault, of Time) []Fault {
	faults = slices.Clone(faults)
	shrink := func(d Duration) Duration {
		return Duration(float64(d) / float64(of.Duration) * float64(tinyLength)).whole()
	}
	for i, f := range faults {
		faults[i].At, faults[i].For = shrink(f.At), shrink(f.For)
		if f.Do == "pause" {
			faults[i].For = max(faults[i].For, Duration(time.Microsecond))
		}
	}
	return faults
}

func (d Duration) whole() Duration { return d - d%Duration(time.Microsecond) }

// tinyVary keeps the first and the last value of each dimension, and one small one of those that have no end.
func tinyVary(v Vary) Vary {
	var out Vary
	for _, dim := range v {
		if most, large := tinied(dim.Key); large {
			n, err := strconv.Atoi(dim.Values[0])
			if err == nil {
				dim.Values = []string{strconv.Itoa(min(n, most))}
			}
		}
		switch {
		case dim.Key == "process":
			dim.Values = []string{"1ms"}
		case len(dim.Values) > 2:
			dim.Values = []string{dim.Values[0], dim.Values[len(dim.Values)-1]}
		}
		out = append(out, dim)
	}
	return out
}

// tinied says how many there are at most of what a plan counts.
func tinied(key string) (most int, large bool) {
	switch key {
	case "queues":
		return 8, true
	case "tenants":
		return 2, true
	case "prefill":
		return 50, true
	}
	return tinyClients, slices.Contains(roles(), Role(key))
}

func (p *Plan) tinyWorkload(w Workload) Workload {
	if w.Load != nil {
		l := tinyLoad(*w.Load)
		w.Load = &l
	}
	t := p.TimeOf(w)
	w.Faults = tinyFaults(p.FaultsOf(w), t)
	w.Vary = tinyVary(w.Vary)
	if phases := w.Describe().Phases; w.Time != nil || phases > 1 {
		t = tinyTime(t, phases)
		w.Time = &t
	}
	for _, r := range roles() {
		n := w.count(r)
		*n = min(*n, tinyClients)
	}
	w.CrashBy = "release" // no claim expires within a second
	w.Consuming.Process = w.Consuming.Process.tiny()
	for key, n := range map[string]*int{"queues": &w.Space.Queues, "tenants": &w.Space.Tenants, "prefill": &w.Space.Prefill} {
		most, _ := tinied(key)
		*n = min(*n, most)
	}
	return w
}

// tiny is a few milliseconds of the same kind.
func (d Distribution) tiny() Distribution {
	const most = 5 * Duration(time.Millisecond)
	d.a, d.b = min(d.a, most), min(d.b, most)
	return d
}

// skipsLeft are the rules that still mean something: those of variants that are gone don't.
func (p *Plan) skipsLeft(before *Plan) []Skip {
	all := p.combine()
	return slices.DeleteFunc(slices.Clone(before.Skip), func(s Skip) bool { return !slices.ContainsFunc(all, s.matches) })
}
