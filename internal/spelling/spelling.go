// Package spelling finds the name that was meant, when one was given that nothing has.
package spelling

// Nearest is the name among those given that is most like this one: the first of several, or "" if all are too far off.
func Nearest(name string, among []string) string {
	var near string
	best := Tolerance(name) + 1
	for _, other := range among {
		if d := Distance(name, other); d < best {
			best, near = d, other
		}
	}
	return near
}

// Tolerance is how far a name may be off to be worth a suggestion.
func Tolerance(name string) int { return max(2, len(name)/3) }

// Distance counts the characters to insert, to drop, to change, or to swap with their neighbour between two names.
func Distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
