package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Vary makes several workloads of each: one for every combination of the values, in their order.
type Vary []Dimension

// A Dimension is a key of a workload's messages, consuming or space and the values it has in turn; for a single workload
// also of its counts, such as observers.
type Dimension struct {
	Key    string
	Values []string
}

// MarshalJSON is the mapping that a plan writes, in its order.
func (v Vary) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, d := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		pair, err := json.Marshal(map[string][]string{d.Key: d.Values})
		if err != nil {
			return nil, err
		}
		b.Write(bytes.Trim(pair, "{}"))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// settings are the keys of a workload that can be varied.
func (w *Workload) settings() []key {
	return slices.Concat(w.Messages.keys(), w.Consuming.keys(), w.Space.keys(), w.counts())
}

// set sets one of them.
func (w *Workload) set(name, value string) error {
	settings := w.settings()
	i := slices.IndexFunc(settings, func(k key) bool { return k.name == name })
	if i < 0 {
		names := make([]string, len(settings))
		for j, k := range settings {
			names[j] = k.name
		}
		return unknownWord(name, "key to vary", names...)
	}
	return settings[i].set(value)
}

// varyKey reads the dimensions. Their values are tried when the workload is known: see [decoder.checkVary].
func varyKey(to *Vary) key {
	return key{name: "vary", read: func(d *decoder, path string, n node) {
		if !d.isMapping(path, n) {
			return
		}
		for _, p := range d.once(n) {
			dim := Dimension{Key: p.key}
			d.at[join(path, p.key)] = p.pos
			values := list(p.key, func() {}, added(&dim.Values, parseText))
			values.read(d, join(path, p.key), p.val)
			*to = append(*to, dim)
		}
	}}
}

// checkVary tries each value on the workload that it is for.
func (d *decoder) checkVary(path string, v Vary, w Workload) {
	for _, dim := range v {
		below := join(path, dim.Key)
		if !slices.ContainsFunc(w.settings(), func(k key) bool { return k.name == dim.Key }) {
			d.failIf(d.at[below], w.set(dim.Key, ""))
			continue
		}
		if len(dim.Values) == 0 {
			d.failAt(below, fmt.Sprintf("%s has no values to vary", dim.Key))
		}
		seen := map[string]bool{}
		for i, text := range dim.Values {
			at, scratch := d.at[index(below, i)], w
			switch err := scratch.set(dim.Key, text); {
			case err != nil:
				d.failIf(at, err)
			case dim.Key == "size" && scratch.Messages.Size.kind == "file":
				d.fail(at, "a file of sizes can't be varied: it has to be the workload's own")
			case seen[digest(scratch)]:
				d.fail(at, fmt.Sprintf("%s says the same as a value before it", text))
			}
			seen[digest(scratch)] = true
		}
	}
}

// A variant is a workload with one combination of the values of what is varied.
type variant struct {
	base string // the name that the plan gives it
	Workload
}

// variants gives them in the order of the values, the last dimension turning fastest.
func (p *Plan) variants(w Workload) []variant {
	dims := slices.Concat(p.Vary, w.Vary)
	out := []variant{{w.Name, w}}
	for _, dim := range dims {
		var next []variant
		for _, v := range out {
			for _, text := range dim.Values {
				one := v
				if err := one.set(dim.Key, text); err != nil {
					continue // never: all were tried when the plan was read
				}
				one.Name += fmt.Sprintf(",%s=%s", dim.Key, pathSafe(text))
				next = append(next, one)
			}
		}
		out = next
	}
	for i := range out {
		out[i].Vary = nil
	}
	return out
}

// combinations is how many variants there are; from [MaxCells] on it is enough to know that there are more.
func (p *Plan) combinations(w Workload) int {
	n := 1
	for _, dim := range slices.Concat(p.Vary, w.Vary) {
		if n *= len(dim.Values); n > MaxCells {
			return MaxCells + 1
		}
	}
	return n
}

// pathSafe keeps what any file system takes and a shell needs no quotes for.
func pathSafe(text string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.+", r) {
			return r
		}
		return '-'
	}, text)
	return strings.Trim(safe, "-.")
}
