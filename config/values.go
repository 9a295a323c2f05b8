package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value ties an option to its field.
type value struct {
	kind  string                 // what may be written: "a whole number from 1 to 20"
	reset func()                 // gives the field its default
	set   func(text string) bool // reads the field; false: text is not of the kind
	text  func() string          // writes the field, as set reads it

	lines  bool // may go over several lines
	many   bool // repeated keys add up, a line each
	secret func(text string) string
}

// shown is the text as messages and printed configurations may have it.
func (v value) shown() string {
	if v.secret == nil {
		return v.text()
	}
	return v.secret(v.text())
}

// stored is a value that is kept as it was written, if ok says so.
func stored(p *string, def, kind string, ok func(text string) bool) value {
	return value{
		kind:  kind,
		reset: func() { *p = def },
		text:  func() string { return *p },
		set: func(text string) bool {
			if !ok(text) {
				return false
			}
			*p = text
			return true
		},
	}
}

func anything(string) bool { return true }

func text(p *string, def string) value { return stored(p, def, "text of one line", anything) }

func filePath(p *string, def string) value { return stored(p, def, "a path", anything) }

// secret is text that is never shown.
func secret(p *string, def string) value {
	v := stored(p, def, "text of one line, kept secret", anything)
	v.secret = hidden
	return v
}

func hidden(text string) string {
	if text == "" {
		return ""
	}
	return stars
}

// choice is one of several words, as they are spelled. A default that is none of them can't be written.
func choice(p *string, def string, words ...string) value {
	kind := "one of " + strings.Join(words, ", ")
	if words[0] == "" {
		kind = "empty or one of " + strings.Join(words[1:], ", ")
	}
	return stored(p, def, kind, func(text string) bool { return slices.Contains(words, text) })
}

// uri is a URI, which may hold a password, or nothing.
func uri(p *string, def string) value {
	v := stored(p, def, "a URI", func(text string) bool { return text == "" || uriText.MatchString(text) })
	v.secret = Redact
	return v
}

var uriText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.\-]*:[^\s]*$`)

func host(p *string, def string) value {
	return stored(p, def, "a host name or an IP address", isHost)
}

// hostOrNone is a host, or nothing.
func hostOrNone(p *string) value {
	return stored(p, "", "a host name or an IP address", func(text string) bool { return text == "" || isHost(text) })
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_\-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_\-]*[A-Za-z0-9_])?)*\.?$`)
	fourDots = regexp.MustCompile(`^[0-9.]+$`) // an IPv4 address, or what was meant to be one
)

func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return len(text) <= 253 && hostName.MatchString(text) && !fourDots.MatchString(text)
}

// address is where to listen, or nothing. Without a host it is every address of the machine.
func address(p *string) value {
	return stored(p, "", "an address such as 127.0.0.1:8888 or [::1]:8888", func(text string) bool {
		h, port, err := net.SplitHostPort(text)
		if err != nil {
			return text == ""
		}
		n, err := strconv.ParseUint(port, 10, 16)
		return err == nil && strconv.FormatUint(n, 10) == port && (h == "" || isHost(h))
	})
}

const boolKind = "true or false"

var truths = map[string]bool{
	"true": true, "1": true, "yes": true, "on": true,
	"false": false, "0": false, "no": false, "off": false,
}

// boolean is an option that is off unless it is set.
func boolean(p *bool) value {
	return value{
		kind:  boolKind,
		reset: func() { *p = false },
		text:  func() string { return strconv.FormatBool(*p) },
		set: func(text string) bool {
			truth, ok := truths[strings.ToLower(strings.TrimSpace(text))]
			if ok {
				*p = truth
			}
			return ok
		},
	}
}

func whole[T ~int | ~int64](p *T, def, low, high T) value {
	return value{
		kind:  fmt.Sprintf("a whole number from %d to %d", low, high),
		reset: func() { *p = def },
		text:  func() string { return strconv.FormatInt(int64(*p), 10) },
		set: func(text string) bool {
			n, err := strconv.ParseInt(plainNumber(text), 10, 64)
			if err != nil || n < int64(low) || n > int64(high) {
				return false
			}
			*p = T(n)
			return true
		},
	}
}

// seconds is a span in seconds, which need not be whole.
func seconds(p *time.Duration, def, low, high time.Duration) value {
	return value{
		kind:  "a number of seconds from " + secondsText(low) + " to " + secondsText(high),
		reset: func() { *p = def },
		text:  func() string { return secondsText(*p) },
		set: func(text string) bool {
			f, err := strconv.ParseFloat(plainNumber(text), 64)
			// Written so that NaN fails as well.
			if err != nil || !(f >= low.Seconds() && f <= high.Seconds()) {
				return false
			}
			*p = time.Duration(math.Round(f * float64(time.Second)))
			return true
		},
	}
}

func secondsText(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// digitGaps are underscores between digits, which Python takes in numbers.
var digitGaps = regexp.MustCompile(`([0-9])_([0-9])`)

func plainNumber(text string) string {
	text = strings.TrimSpace(text)
	// Twice, since neighbouring matches share a digit: 1_2_3.
	return digitGaps.ReplaceAllString(digitGaps.ReplaceAllString(text, "$1$2"), "$1$2")
}
