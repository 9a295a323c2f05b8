package measure

import (
	"testing"
	"time"
)

// beaten is the pulse of 100 operations/s, which succeed from 0 to 4 s but for a time between.
func beaten(from, to time.Duration) *Pulse {
	_, m := measured(1)
	p := m.Pulse(4 * time.Second)
	for at := 5 * ms; at < 4*time.Second; at += 10 * ms {
		class := OK
		if at >= from && at < to {
			class = "503"
		}
		m.Record(0, sample(at, at, at, at, class))
	}
	return p
}

// A gap is as long as it was, not some whole seconds.
func TestAPulseTellsHowLongNothingSucceeded(t *testing.T) {
	p := beaten(1230*ms, 1570*ms)
	for name, c := range map[string]struct {
		from, to, want time.Duration
	}{
		"all of it":        {0, 4 * time.Second, 340 * ms},
		"from its middle":  {1400 * ms, 4 * time.Second, 170 * ms},
		"up to its middle": {0, 1400 * ms, 170 * ms},
		"after it":         {1600 * ms, 4 * time.Second, 0},
		"within it":        {1255 * ms, 1355 * ms, 90 * ms},
		"after the end":    {5 * time.Second, 6 * time.Second, 0},
		"the wrong way":    {2 * time.Second, 1 * time.Second, 0},
	} {
		if got := p.Silence(c.from, c.to); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAPulseTellsWhenARateIsCarriedAgain(t *testing.T) {
	p := beaten(1230*ms, 1570*ms)
	for name, c := range map[string]struct {
		rate     float64
		from, to time.Duration
		want     time.Duration
		carried  bool
	}{
		"after the gap":                    {90, 1300 * ms, 4 * time.Second, 1570 * ms, true},
		"a lower one, from where it is":    {40, 1100 * ms, 4 * time.Second, 1100 * ms, true},
		"one that it never had":            {110, 1300 * ms, 4 * time.Second, 0, false},
		"too short to say":                 {90, 1300 * ms, 1800 * ms, 0, false},
		"a low one needs longer":           {4, 1300 * ms, 3500 * ms, 0, false},
		"nothing is no rate":               {0, 0, 4 * time.Second, 0, false},
		"one that is carried all the time": {90, 0, time.Second, 0, true},
	} {
		if at, carried := p.Carries(c.rate, c.from, c.to); at != c.want || carried != c.carried {
			t.Errorf("%s: from %v, %v; want %v, %v", name, at, carried, c.want, c.carried)
		}
	}
	if rate := p.Rate(2*time.Second, 3*time.Second); rate != 100 {
		t.Errorf("the rate after it is %v/s, want 100", rate)
	}
	if rate := p.Rate(time.Second, time.Second); rate != 0 {
		t.Errorf("the rate of no time is %v/s", rate)
	}
}
