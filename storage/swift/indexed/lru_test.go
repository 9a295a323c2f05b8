package indexed

import (
	"testing"

	"pgregory.net/rapid"
)

// An lru holds the newest that fit, and tells what leaves: beside a list of what was used, last first.
func TestLRU(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.Int64Range(0, 20).Draw(t, "most")
		left := map[int]int64{}
		l := newLRU[int](most, func(n int64) int64 { return n })
		l.leave = func(key int, value int64) { left[key] = value }
		type pair struct {
			key   int
			value int64
		}
		var model []pair
		find := func(key int) int {
			for i, p := range model {
				if p.key == key {
					return i
				}
			}
			return -1
		}
		take := func(i int) pair {
			p := model[i]
			model = append(model[:i:i], model[i+1:]...)
			return p
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				p := pair{rapid.IntRange(0, 9).Draw(t, "key"), rapid.Int64Range(0, 8).Draw(t, "value")}
				if i := find(p.key); i >= 0 {
					take(i)
				}
				if p.value <= most { // what is too large leaves the others alone
					model = append([]pair{p}, model...)
				}
				sum := int64(0)
				for i, p := range model {
					if sum += p.value; sum > most {
						model = model[:i]
						break
					}
				}
				l.put(p.key, p.value)
			},
			"get": func(t *rapid.T) {
				key := rapid.IntRange(0, 9).Draw(t, "key")
				got, found := l.get(key)
				i := find(key)
				if found != (i >= 0) || found && got != model[i].value {
					t.Fatalf("get(%d) = %d, %v; the model has %v", key, got, found, model)
				}
				if found {
					model = append([]pair{take(i)}, model...)
				}
			},
			"remove": func(t *rapid.T) {
				key := rapid.IntRange(0, 9).Draw(t, "key")
				if i := find(key); i >= 0 {
					p := take(i)
					l.remove(key)
					if left[key] != p.value {
						t.Fatalf("remove(%d) did not tell of it", key)
					}
					return
				}
				l.remove(key)
			},
			"": func(t *rapid.T) {
				sum := int64(0)
				for _, p := range model {
					sum += p.value
				}
				if l.size() != sum || sum > most || len(l.byKey) != len(model) || l.order.Len() != len(model) {
					t.Fatalf("size %d with %d keys, want %d with %d, at most %d", l.size(), len(l.byKey), sum, len(model), most)
				}
			},
		})
	})
}
