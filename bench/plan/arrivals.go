package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Arrivals say how operations are spread over time at a given rate: even, poisson, burst{size: 10, every: 100ms}, or
// trace{file: PATH}, a file of seconds since the start, one a line. A burst without a period has the one that the rate gives;
// a trace has its own rate. The zero value is poisson.
type Arrivals struct {
	Kind   string // even, poisson, burst, trace
	Size   int    // of a burst
	Every  Duration
	File   string
	Digest string // of the file, from when the plan was read
}

// maxBurst is what the connections of any plan could hold many times over.
const maxBurst = 100_000

// ParseArrivals reads arrivals as a plan writes them. It opens no file.
func ParseArrivals(text string) (Arrivals, error) {
	c, err := parseCall(text)
	if err != nil {
		return Arrivals{}, err
	}
	if c.kind == "" { // no braces, no colon: a word
		c.kind, c.argument = c.argument, ""
	}
	if c.argument != "" {
		return Arrivals{}, fmt.Errorf("%q: write burst{size: 10, every: 100ms} or trace{file: PATH}", text)
	}
	switch c.kind {
	case "even", "poisson":
		if c.pairs != nil {
			return Arrivals{}, fmt.Errorf("%s takes nothing in braces", c.kind)
		}
		return Arrivals{Kind: c.kind}, nil
	case "burst":
		return parseBurst(c)
	case "trace":
		return parseTrace(c)
	}
	return Arrivals{}, unknownWord(c.kind, "arrivals", "poisson", "even", "burst", "trace")
}

func parseBurst(c call) (a Arrivals, err error) {
	a.Kind = c.kind
	seen := map[string]bool{}
	for _, p := range c.pairs {
		if seen[p.key] {
			return Arrivals{}, fmt.Errorf("key %q twice in burst", p.key)
		}
		seen[p.key] = true
		switch p.key {
		case "size":
			a.Size, err = strconv.Atoi(p.value)
			if err != nil || a.Size < 1 || a.Size > maxBurst {
				return Arrivals{}, fmt.Errorf("the size %q of a burst is no number from 1 to %d", p.value, maxBurst)
			}
		case "every":
			if a.Every, err = ParseDuration(p.value); err != nil {
				return Arrivals{}, err
			}
			if a.Every == 0 {
				return Arrivals{}, fmt.Errorf("bursts every %s never end", p.value)
			}
		default:
			return Arrivals{}, unknownWord(p.key, "key of burst", "size", "every")
		}
	}
	if a.Size == 0 {
		return Arrivals{}, fmt.Errorf("a burst needs its size: write burst{size: 10}")
	}
	return a, nil
}

func parseTrace(c call) (a Arrivals, err error) {
	a.Kind = c.kind
	for _, p := range c.pairs {
		if p.key != "file" || a.File != "" {
			return Arrivals{}, fmt.Errorf("trace takes its file and nothing else: write trace{file: PATH}")
		}
		if a.File, a.Digest, err = parseFile(p.value); err != nil {
			return Arrivals{}, err
		}
	}
	if a.File == "" {
		return Arrivals{}, fmt.Errorf("a trace needs its file: write trace{file: PATH}")
	}
	return a, nil
}

// OwnRate is the rate that arrivals bring with them: that of bursts with a period. 0: they follow the level's.
func (a Arrivals) OwnRate() Rate {
	if a.Kind != "burst" || a.Every == 0 {
		return 0
	}
	return Rate(float64(a.Size) / time.Duration(a.Every).Seconds())
}

// String is the arrivals as a plan writes them.
func (a Arrivals) String() string {
	switch a.Kind {
	case "":
		return "poisson"
	case "burst":
		if a.Every == 0 {
			return fmt.Sprintf("burst{size: %d}", a.Size)
		}
		return fmt.Sprintf("burst{size: %d, every: %s}", a.Size, a.Every)
	case "trace":
		return "trace{file: " + strings.TrimSuffix(a.File+"#"+a.Digest, "#") + "}"
	}
	return a.Kind
}

// MarshalText gives what a plan writes.
func (a Arrivals) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is [ParseArrivals].
func (a *Arrivals) UnmarshalText(text []byte) (err error) {
	*a, err = ParseArrivals(string(text))
	return err
}

// load checks that the file of a trace is there, and is the one that its digest says.
func (a *Arrivals) load() error {
	if a.Kind != "trace" {
		return nil
	}
	_, digest, err := readDigested(a.File, a.Digest)
	if err != nil {
		return err
	}
	a.Digest = digest
	return nil
}
