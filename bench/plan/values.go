package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// maxTime bounds what a [Distribution] draws: a lognormal one has no end of its own.
const maxTime = Duration(24 * time.Hour)

// A Distribution is how long something takes: 0, fixed:20ms, uniform:10ms..30ms, exponential:20ms (its mean), or
// lognormal:MEDIAN,SIGMA. A duration alone is fixed. The zero value is 0.
type Distribution struct {
	kind  string
	a, b  Duration // fixed and exponential: a; uniform: a to b; lognormal: a is the median
	sigma float64
}

// ParseDistribution reads a distribution as a plan writes it.
func ParseDistribution(text string) (Distribution, error) {
	c, err := parseCall(text)
	if err != nil {
		return Distribution{}, err
	}
	d := Distribution{kind: c.kind}
	switch c.kind {
	case "", "fixed":
		d.kind = ""
		d.a, err = ParseDuration(c.argument)
	case "exponential":
		d.a, err = ParseDuration(c.argument)
	case "uniform":
		d.a, d.b, err = parseRange(c.argument, ParseDuration)
	case "lognormal":
		d.a, d.sigma, err = parseLognormal(c.argument, ParseDuration)
	default:
		return Distribution{}, unknownWord(c.kind, "distribution", "fixed", "uniform", "exponential", "lognormal")
	}
	if err == nil && max(d.a, d.b) > maxTime {
		err = fmt.Errorf("%s is longer than %s", text, maxTime)
	}
	if err != nil {
		return Distribution{}, err
	}
	return d, nil
}

// Draw gives the next duration, at least 0 and at most a day.
func (d Distribution) Draw(r *rand.Rand) Duration {
	switch d.kind {
	case "uniform":
		return d.a + Duration(r.Int64N(int64(d.b-d.a)+1))
	case "exponential":
		return clampTime(r.ExpFloat64() * float64(d.a))
	case "lognormal":
		return clampTime(float64(d.a) * math.Exp(d.sigma*r.NormFloat64()))
	}
	return d.a
}

func clampTime(ns float64) Duration { return Duration(min(ns, float64(maxTime))) }

// String is the distribution as a plan writes it.
func (d Distribution) String() string {
	switch d.kind {
	case "uniform":
		return fmt.Sprintf("uniform:%s..%s", d.a, d.b)
	case "exponential":
		return "exponential:" + d.a.String()
	case "lognormal":
		return fmt.Sprintf("lognormal:%s,%v", d.a, d.sigma)
	}
	return d.a.String()
}

// MarshalText gives what a plan writes.
func (d Distribution) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDistribution].
func (d *Distribution) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDistribution(string(text))
	return err
}

// A QueueChoice is how a producer chooses one of n queues: round_robin, uniform, zipf:EXPONENT, or sticky, where each keeps
// the one that its own number gives. The zero value is round_robin.
type QueueChoice struct {
	kind     string
	exponent float64
}

// ParseQueueChoice reads a choice as a plan writes it. The exponent of zipf is above 1 and up to 10.
func ParseQueueChoice(text string) (QueueChoice, error) {
	kind, argument, has := strings.Cut(text, ":")
	switch {
	case kind == "zipf":
		s, err := parseNumber(strings.TrimSpace(argument))
		if err != nil || s <= 1 || s > 10 {
			return QueueChoice{}, fmt.Errorf("%q needs an exponent above 1 and up to 10, as zipf:1.1", text)
		}
		return QueueChoice{kind: kind, exponent: s}, nil
	case has:
		return QueueChoice{}, fmt.Errorf("%q: only zipf takes a number", text)
	case kind == "round_robin":
		return QueueChoice{}, nil
	case kind == "uniform", kind == "sticky":
		return QueueChoice{kind: kind}, nil
	}
	return QueueChoice{}, unknownWord(kind, "queue_choice", "round_robin", "uniform", "zipf", "sticky")
}

// Of gives the choices of a client, each from 0 to below queues. The random numbers are that client's own.
func (q QueueChoice) Of(r *rand.Rand, client, queues int) func() int {
	switch q.kind {
	case "uniform":
		return func() int { return r.IntN(queues) }
	case "sticky":
		return func() int { return client % queues }
	case "zipf":
		z := rand.NewZipf(r, q.exponent, 1, uint64(queues-1))
		return func() int { return int(z.Uint64()) }
	}
	// Clients begin at different queues: else all of them would be at the same one at the same time.
	next := client - 1
	return func() int {
		next++
		return next % queues
	}
}

// String is the choice as a plan writes it.
func (q QueueChoice) String() string {
	switch q.kind {
	case "":
		return "round_robin"
	case "zipf":
		return fmt.Sprintf("zipf:%v", q.exponent)
	}
	return q.kind
}

// MarshalText gives what a plan writes.
func (q QueueChoice) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText is [ParseQueueChoice].
func (q *QueueChoice) UnmarshalText(text []byte) (err error) {
	*q, err = ParseQueueChoice(string(text))
	return err
}

// parseRange reads LOW..HIGH.
func parseRange[T ~int | ~int64](text string, parse func(string) (T, error)) (low, high T, err error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return 0, 0, fmt.Errorf("%q is no range: write LOW..HIGH", text)
	}
	if low, err = parse(from); err != nil {
		return 0, 0, err
	}
	if high, err = parse(to); err != nil {
		return 0, 0, err
	}
	if low > high {
		return 0, 0, fmt.Errorf("the range %s runs backwards", text)
	}
	return low, high, nil
}

// maxSigma keeps the tail of a lognormal within reason: four sigmas are a factor of 3000.
const maxSigma = 2

// parseLognormal reads MEDIAN,SIGMA.
func parseLognormal[T ~int | ~int64](text string, parse func(string) (T, error)) (median T, sigma float64, err error) {
	first, second, ok := strings.Cut(text, ",")
	if !ok {
		return 0, 0, fmt.Errorf("lognormal:%s needs its median and sigma: write lognormal:MEDIAN,SIGMA", text)
	}
	if median, err = parse(first); err != nil {
		return 0, 0, err
	}
	sigma, err = parseNumber(strings.TrimSpace(second))
	if err != nil || sigma <= 0 || sigma > maxSigma {
		return 0, 0, fmt.Errorf("sigma is %s, but has to be above 0 and up to %d", strings.TrimSpace(second), maxSigma)
	}
	return median, sigma, nil
}
