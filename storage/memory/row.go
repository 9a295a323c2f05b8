package memory

import "slices"

// A row is segments in the order of their messages.
type row []*segment

// behind is the index of the first segment that may hold a number above seq.
func (r row) behind(seq int64) int {
	i, _ := slices.BinarySearchFunc(r, seq, func(s *segment, seq int64) int {
		if s.first <= seq {
			return -1
		}
		return 1
	})
	return max(i-1, 0)
}

// find is the segment that holds seq if any does.
func (r row) find(seq int64) *segment {
	i := r.behind(seq)
	if i == len(r) || r[i].first > seq {
		return nil
	}
	return r[i]
}

// add puts s into its place. Mostly that is the end: posts come there.
func (r *row) add(s *segment) {
	if n := len(*r); n == 0 || (*r)[n-1].first < s.first {
		*r = append(*r, s)
		return
	}
	*r = slices.Insert(*r, r.index(s), s)
}

// remove takes s out. Mostly it is the first: queues empty from there.
func (r *row) remove(s *segment) {
	if (*r)[0] == s {
		(*r)[0] = nil
		*r = (*r)[1:]
		return
	}
	i := r.index(s)
	*r = slices.Delete(*r, i, i+1)
}

func (r row) index(s *segment) int {
	i, _ := slices.BinarySearchFunc(r, s.first, func(s *segment, first int64) int { return int(s.first - first) })
	return i
}

// A dueHeap has the segment on top in which something ends first. It is a [heap.Interface].
type dueHeap []*segment

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].next < h[j].next }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for [heap.Push].
func (h *dueHeap) Push(x any) {
	s := x.(*segment)
	s.place = len(*h)
	*h = append(*h, s)
}

// Pop is for [heap.Pop] and [heap.Remove].
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return s
}
