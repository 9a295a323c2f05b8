package schedule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
)

// A Sequence is a lazy list of intended times since the run began; none is before the one that came before it.
type Sequence interface {
	Next() (at time.Duration, ok bool)
}

// Pacing says how operations follow each other.
type Pacing struct {
	Arrivals plan.Arrivals
	Rate     float64       // operations/s, more than 0
	Ramp     time.Duration // how long the rate rises to that, from nothing
	Length   time.Duration // no operation is intended then or later
	Random   *rand.Rand    // for what is drawn
}

// New makes the sequence.
func New(p Pacing) (Sequence, error) {
	if !(p.Rate > 0) || math.IsInf(p.Rate, 1) {
		return nil, fmt.Errorf("schedule: a rate of %v operations/s can't be kept", p.Rate)
	}
	warp := warp{rate: p.Rate, ramp: p.Ramp.Seconds()}
	var s Sequence
	switch p.Arrivals.Kind {
	case "", "poisson":
		s = &poisson{warp: warp, random: p.Random}
	case "even":
		s = &even{warp: warp}
	case "burst":
		if p.Arrivals.Size < 1 {
			return nil, errors.New("schedule: a burst has at least one operation")
		}
		s = &burst{warp: warp, size: p.Arrivals.Size, every: time.Duration(p.Arrivals.Every)}
	case "trace":
		times, err := readTrace(p.Arrivals.File)
		if err != nil {
			return nil, err
		}
		s = &trace{times: times}
	default:
		return nil, fmt.Errorf("schedule: there are no arrivals %q", p.Arrivals.Kind)
	}
	return &until{Sequence: s, end: p.Length}, nil
}

// A warp is the rate over time as its integral: how many operations there are until a time, and at what time there are so many.
// During the ramp the rate rises evenly, so that rate·t²/(2·ramp) operations lie before t.
type warp struct {
	rate float64 // 1/s
	ramp float64 // s
}

// at gives the time before which n operations lie.
func (w warp) at(n float64) time.Duration {
	inRamp := w.rate * w.ramp / 2
	seconds := w.ramp + (n-inRamp)/w.rate
	if n < inRamp {
		seconds = math.Sqrt(2 * n * w.ramp / w.rate)
	}
	if seconds >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

// even operations have the same time between them.
type even struct {
	warp
	n float64
}

func (e *even) Next() (time.Duration, bool) {
	e.n++
	return e.at(e.n - 1), true
}

// poisson operations come independent of each other, as those of many users do: the times between them are exponential.
type poisson struct {
	warp
	random *rand.Rand
	n      float64
}

func (p *poisson) Next() (time.Duration, bool) {
	p.n += p.random.ExpFloat64()
	return p.at(p.n), true
}

// burst operations come size at once. Without a period of their own the rate gives it.
type burst struct {
	warp
	size  int
	every time.Duration
	n     int
}

func (b *burst) Next() (time.Duration, bool) {
	number := b.n / b.size
	b.n++
	if b.every > 0 {
		return time.Duration(number) * b.every, true
	}
	return b.at(float64(number * b.size)), true
}

// A trace comes from a file.
type trace struct {
	times []time.Duration
}

func (t *trace) Next() (time.Duration, bool) {
	if len(t.times) == 0 {
		return 0, false
	}
	at := t.times[0]
	t.times = t.times[1:]
	return at, true
}

// maxTrace bounds what a trace takes of memory: 80 MB.
const maxTrace = 10_000_000

func readTrace(name string) ([]time.Duration, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("schedule: trace: %w", err)
	}
	defer file.Close()
	times, err := parseTrace(file)
	if err != nil {
		return nil, fmt.Errorf("schedule: trace %s: %w", name, err)
	}
	return times, nil
}

// parseTrace reads seconds since the start, one a line, rising; blank lines and those that begin with # say nothing.
func parseTrace(r io.Reader) ([]time.Duration, error) {
	var times []time.Duration
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0 && seconds < 1e9) {
			return nil, fmt.Errorf("line %d: %q is no number of seconds since the start", number, text)
		}
		at := time.Duration(math.Round(seconds * float64(time.Second)))
		if len(times) > 0 && at < times[len(times)-1] {
			return nil, fmt.Errorf("line %d: %s s is before the line above", number, text)
		}
		if len(times) == maxTrace {
			return nil, fmt.Errorf("line %d: more than %d operations", number, maxTrace)
		}
		times = append(times, at)
	}
	return times, lines.Err()
}

// until ends a sequence.
type until struct {
	Sequence
	end time.Duration
}

func (u *until) Next() (time.Duration, bool) {
	at, ok := u.Sequence.Next()
	return at, ok && at < u.end
}
