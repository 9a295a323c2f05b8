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

func TestMap(t *testing.T) {
	m := NewMap[string, int](2)
	m.Put("a", 1)
	m.Put("b", 2)
	m.Put("a", 3) // and keeps its turn
	m.Put("c", 4)
	for key, want := range map[string]int{"a": 0, "b": 2, "c": 4} {
		if got, has := m.Get(key); got != want || has != (want > 0) {
			t.Errorf("%s is %d, %v; want %d", key, got, has, want)
		}
	}
	m.Put("c", 5)
	if got, _ := m.Get("c"); got != 5 {
		t.Errorf("c is %d; want what it was put to last", got)
	}
}
