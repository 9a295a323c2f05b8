package recent

import (
	"slices"
	"testing"
)

func TestSet(t *testing.T) {
	s := NewSet[int](3)
	want := func(what string, keys ...int) {
		t.Helper()
		var got []int
		for key := range 10 {
			if s.Has(key) {
				got = append(got, key)
			}
		}
		if !slices.Equal(got, keys) {
			t.Errorf("%s: the set holds %v, want %v", what, got, keys)
		}
	}
	want("nothing was added")
	s.Add(1, 2, 2)
	s.Add(3)
	want("as many as there is room for", 1, 2, 3)
	s.Add(4)
	want("one more", 2, 3, 4)
	s.Add(5, 6, 7)
	want("all anew", 5, 6, 7)
	s.Drop(6)
	s.Drop(9)
	want("one dropped", 5, 7)
	s.Add(8, 9)
	want("dropped ones take their turn", 7, 8, 9)
}
