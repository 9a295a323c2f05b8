package pure

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/marconi-mq/marconi"
)

// maxShown is how many names a marker remembers.
const maxShown = 128

// A position is what a marker says: everything up to last has been passed. But a listing may have lagged, so names between
// final and last are looked at again: those that were there when the marker was made are remembered by a hash.
//
// If whole, all of them are, and what is none of them was late: it is shown at once. Else there were too many; then what
// the horizon has passed is shown once more, unless it is remembered: twice rather than never.
type position struct {
	final, last string // names, or "" for the start
	whole       bool
	shown       []uint32
}

// knows reports whether a name was passed with its hash kept.
func (p *position) knows(name string) bool { return slices.Contains(p.shown, hash32(name)) }

// encode writes a marker: last, or last.final followed by w or p and the hashes.
func (p *position) encode() marconi.Marker {
	if p.final == p.last {
		return marconi.Marker(p.last)
	}
	raw := make([]byte, 0, 4*len(p.shown))
	for _, h := range p.shown {
		raw = binary.BigEndian.AppendUint32(raw, h)
	}
	kind := "p"
	if p.whole {
		kind = "w"
	}
	return marconi.Marker(p.last + "." + p.final + kind + base64.RawURLEncoding.EncodeToString(raw))
}

// parseMarker reads a marker. What [position.encode] cannot have written is not ok.
func parseMarker(m marconi.Marker) (p position, ok bool) {
	last, rest, more := strings.Cut(string(m), ".")
	if m == "" {
		return position{whole: true}, true
	}
	if !isName(last) {
		return position{}, false
	}
	if !more {
		return position{final: last, last: last, whole: true}, true
	}
	if len(rest) < nameDigits+1 || !isName(rest[:nameDigits]) || rest[:nameDigits] >= last {
		return position{}, false
	}
	p = position{final: rest[:nameDigits], last: last, whole: rest[nameDigits] == 'w'}
	if !p.whole && rest[nameDigits] != 'p' {
		return position{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest[nameDigits+1:])
	if err != nil || len(raw)%4 != 0 || len(raw) > 4*maxShown {
		return position{}, false
	}
	for ; len(raw) > 0; raw = raw[4:] {
		p.shown = append(p.shown, binary.BigEndian.Uint32(raw))
	}
	return p, p.encode() == m // base64 passes over line ends
}

// A reading is a page that is being made behind a position.
type reading struct {
	from    position
	horizon string // the place that listings have caught up with
	begin   string // where the listing begins

	passed  []string // names looked at that are remembered, should they lie between final and last
	unknown bool     // a name was left for later
}

// readBehind begins a page.
func readBehind(p position, horizon string) *reading {
	r := &reading{from: p, horizon: horizon, begin: p.last}
	if p.whole || horizon > p.final {
		r.begin = p.final
	}
	return r
}

// fresh reports whether a name is to be looked at, rather than one passed before.
func (r *reading) fresh(name string) bool {
	if name <= r.from.last && !r.from.knows(name) && !r.from.whole && name > r.horizon {
		r.unknown = true // it may have been passed: its time comes when the horizon has
		return false
	}
	if name > r.horizon {
		r.passed = append(r.passed, name)
	}
	return name > r.from.last || !r.from.knows(name)
}

// next is the position behind the page whose last message is shown; full if there may be more behind that.
func (r *reading) next(shown string, full bool) position {
	p := position{last: max(r.from.last, shown)}
	limit := p.last
	cut := full && shown < r.from.last // names behind it were not looked at, but some of them passed before
	if cut {
		limit = shown
	}
	p.final = max(r.from.final, min(r.horizon, limit))
	if p.final >= p.last {
		return position{final: p.last, last: p.last, whole: true}
	}
	for _, name := range r.passed {
		if name > p.final && name <= p.last {
			p.shown = append(p.shown, hash32(name))
		}
	}
	rescanned := r.begin == r.from.final
	if cut || !rescanned {
		p.shown = union(r.from.shown, p.shown)
	}
	p.whole = (r.from.whole || rescanned && !r.unknown && !cut) && len(p.shown) <= maxShown
	p.shown = p.shown[max(0, len(p.shown)-maxShown):]
	return p
}

// union is a and what of b is not in it.
func union(a, b []uint32) []uint32 {
	all := slices.Clone(a)
	for _, h := range b {
		if !slices.Contains(a, h) {
			all = append(all, h)
		}
	}
	return all
}
