package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Duration is written with its unit, as 250ms; nothing is 0 without one.
type Duration time.Duration

// ParseDuration reads a duration that is not negative.
func ParseDuration(text string) (Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%s has no unit: write %[1]sms, %[1]ss, %[1]sm", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 250ms, 10s, 5m, 1h", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("%s is less than nothing", text)
	}
	return Duration(d), nil
}

// String is the duration in the largest unit that keeps it whole: 90s, 5m.
func (d Duration) String() string {
	for _, unit := range [...]struct {
		length Duration
		name   string
	}{
		{Duration(time.Hour), "h"}, {Duration(time.Minute), "m"}, {Duration(time.Second), "s"},
		{Duration(time.Millisecond), "ms"}, {Duration(time.Microsecond), "us"},
	} {
		if d != 0 && d%unit.length == 0 {
			return strconv.FormatInt(int64(d/unit.length), 10) + unit.name
		}
	}
	if d == 0 {
		return "0s"
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// MarshalText gives what a plan writes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDuration].
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// A Rate is operations a second, written as a number, or as 1000/s.
type Rate float64

// MaxRate is more than one generator can make.
const MaxRate Rate = 1e6

// ParseRate reads a rate above 0 and up to [MaxRate].
func ParseRate(text string) (Rate, error) {
	number, _ := strings.CutSuffix(text, "/s")
	rate, err := parseNumber(number)
	if err != nil {
		return 0, fmt.Errorf("%q is no rate such as 200 or 200/s", text)
	}
	if rate <= 0 || Rate(rate) > MaxRate {
		return 0, fmt.Errorf("a rate of %s is not between 0/s and %.0f/s", text, float64(MaxRate))
	}
	return Rate(rate), nil
}

// String is the number alone.
func (r Rate) String() string { return strconv.FormatFloat(float64(r), 'f', -1, 64) }

// parseNumber reads a finite decimal number and nothing else that Go takes for one.
func parseNumber(text string) (float64, error) {
	if text == "" || strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, fmt.Errorf("%q is no number", text)
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return x, nil
}

// The units of sizes, largest first: sizes are written in the first of them that keeps the number whole.
var byteUnits = [...]struct {
	name  string
	bytes int
}{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"kB", 1000}, {"B", 1}}

// maxBytes is above what any server takes in a post.
const maxBytes = 1 << 30

// parseBytes reads a size with its unit: 80B, 1.5KiB, 1kB.
func parseBytes(text string) (int, error) {
	for _, unit := range byteUnits {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		x, err := parseNumber(strings.TrimSpace(number))
		if err != nil {
			return 0, fmt.Errorf("%q is no size such as 80B or 1.5KiB", text)
		}
		bytes := x * float64(unit.bytes)
		switch {
		case bytes != math.Trunc(bytes):
			return 0, fmt.Errorf("%s is no whole number of bytes", text)
		case bytes < 1 || bytes > maxBytes:
			return 0, fmt.Errorf("a size of %s is not between 1B and 1024MiB", text)
		}
		return int(bytes), nil
	}
	if _, err := parseNumber(text); err == nil {
		return 0, fmt.Errorf("%s has no unit: write %[1]sB or %[1]sKiB", text)
	}
	return 0, fmt.Errorf("%q is no size such as 80B or 1.5KiB", text)
}

func formatBytes(n int) string {
	for _, unit := range byteUnits {
		if n%unit.bytes == 0 && unit.name != "kB" {
			return strconv.Itoa(n/unit.bytes) + unit.name
		}
	}
	return "" // n % 1 is 0
}

// A call is how values with parameters are written: kind:argument, or kind{key: value, …}, also with a colon between.
type call struct {
	kind     string
	argument string
	pairs    []callPair // of the form with braces, in their order
}

type callPair struct{ key, value string }

var errBraces = errors.New("braces hold key: value pairs with commas between them")

// parseCall takes a value apart. Without a kind it is all argument.
func parseCall(text string) (call, error) {
	head, inside, braced := strings.Cut(text, "{")
	if !braced {
		kind, argument, ok := strings.Cut(text, ":")
		if !ok {
			return call{argument: text}, nil
		}
		return call{kind: kind, argument: strings.TrimSpace(argument)}, nil
	}
	c := call{kind: strings.TrimSuffix(strings.TrimSpace(head), ":")}
	inside, closed := strings.CutSuffix(strings.TrimSpace(inside), "}")
	if !closed {
		return call{}, errBraces
	}
	for part := range strings.SplitSeq(inside, ",") {
		key, value, ok := strings.Cut(part, ":")
		if !ok {
			return call{}, errBraces
		}
		c.pairs = append(c.pairs, callPair{strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return c, nil
}
