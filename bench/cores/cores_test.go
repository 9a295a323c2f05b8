package cores

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestASetIsListed(t *testing.T) {
	for want, s := range map[string]Set{"": nil, "0": {0}, "0-1": {0, 1}, "0-2,5": {0, 1, 2, 5}, "1,3,5": {1, 3, 5}, "7-9,11-12": {7, 8, 9, 11, 12}} {
		if got := s.String(); got != want {
			t.Errorf("%#v is listed as %q, want %q", s, got, want)
		}
	}
}

func TestCoresAreParted(t *testing.T) {
	alone := func(core int) int { return core }
	halves := func(of int) func(int) int { return func(core int) int { return core % of } } // as most machines number them
	pairs := func(core int) int { return core - core%2 }
	for _, c := range []struct {
		name      string
		usable    Set
		first     func(int) int
		generator string
		servers   string // "": they share
	}{
		{"none is known", nil, alone, "", ""},
		{"one", Set{0}, alone, "", ""},
		{"two", Set{0, 1}, alone, "", ""},
		{"three", Set{0, 1, 2}, alone, "0", "1-2"},
		{"four", Set{0, 1, 2, 3}, alone, "0", "1-3"},
		{"eight", Set{0, 1, 2, 3, 4, 5, 6, 7}, alone, "0-1", "2-7"},
		{"some of many", Set{3, 5, 9}, alone, "3", "5,9"},
		{"four threads of two", Set{0, 1, 2, 3}, halves(2), "0,2", "1,3"},
		{"four threads of two, in pairs", Set{0, 1, 2, 3}, pairs, "0-1", "2-3"},
		{"threads of one", Set{0, 1, 2, 3}, func(int) int { return 0 }, "", ""},
		{"sixteen threads of eight", Set{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, halves(8), "0-1,8-9", "2-7,10-15"},
	} {
		p := part(c.usable, c.first)
		if p.Generator.String() != c.generator || p.Servers.String() != c.servers || p.Apart() != (c.servers != "") {
			t.Errorf("%s: generator on %q, servers on %q; want %q and %q", c.name, p.Generator, p.Servers, c.generator, c.servers)
		}
	}
}

// Nobody's core is another's, none is forgotten, and no hardware is shared.
func TestPartsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usable := Set(rapid.SliceOfNDistinct(rapid.IntRange(0, 63), 0, 32, rapid.ID[int]).Draw(t, "cores"))
		slices.Sort(usable)
		threads := rapid.IntRange(1, 4).Draw(t, "threads of a core")
		first := func(core int) int { return core / threads * threads }
		p := part(usable, first)
		if !p.Apart() {
			if len(p.Generator)+len(p.Servers) > 0 {
				t.Fatalf("not apart, and %v", p)
			}
			return
		}
		all := slices.Sorted(slices.Values(append(slices.Clone(p.Generator), p.Servers...)))
		if !slices.Equal(all, usable) {
			t.Errorf("%v were parted into %v and %v", usable, p.Generator, p.Servers)
		}
		for _, core := range p.Generator {
			if slices.ContainsFunc(p.Servers, func(other int) bool { return first(other) == first(core) }) {
				t.Errorf("core %d of the generator is a server's, too: %v, %v", core, p.Generator, p.Servers)
			}
		}
	})
}

func TestAListBeginsWithACore(t *testing.T) {
	for list, want := range map[string]int{"0-1\n": 0, "3,7": 3, "12": 12, "": 9, "x": 9} {
		if got := leading(list, 9); got != want {
			t.Errorf("%q begins with %d, want %d", list, got, want)
		}
	}
}
