package upstream

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/marconi-mq/marconi"
)

// A survey is what is known of a source from going over its keys: which projects there are, and what belongs to no queue.
//
// The keys of messages name no queue. So those that no queue lists are found by counting: all that are there, less those that
// the queues list. Some end in between; so they are counted by the minute in which they end, and minutes that are over do not count.
type survey struct {
	whole  bool                // all keys have been seen
	lists  map[string]struct{} // projects
	sets   map[string]struct{} // stems of lists of messages that no queue was found for
	alive  map[int64]int64     // messages there are, by minute
	read   map[int64]int64     // messages that queues list
	given  int                 // queues
	passed int                 // queues whose messages were all read
}

// farthest is the last minute that has a count of its own: what ends later counts as ending then. It bounds the memory.
const farthest = 1 << 17

func newSurvey() *survey {
	return &survey{
		lists: map[string]struct{}{}, sets: map[string]struct{}{}, alive: map[int64]int64{}, read: map[int64]int64{},
	}
}

// keys takes what keys say by themselves, and gives those that may be messages.
func (v *survey) keys(keys []string) (ids []string) {
	v.whole = true
	for _, key := range keys {
		if project, is := strings.CutSuffix(key, queuesEnd); is {
			v.lists[project] = struct{}{}
		}
		if stem, is := strings.CutSuffix(key, messagesEnd); is {
			v.sets[stem] = struct{}{}
		}
		if isID(key) {
			ids = append(ids, key)
		}
	}
	return ids
}

func (v *survey) projects() iter.Seq[marconi.Project] {
	return func(yield func(marconi.Project) bool) {
		for p := range v.lists {
			if !yield(marconi.Project(p)) {
				return
			}
		}
	}
}

// stem notes that a queue has these keys.
func (v *survey) stem(stem string) { delete(v.sets, stem) }

func (v *survey) stray() []string { return slices.Sorted(maps.Keys(v.sets)) }

// message takes one that is there, and when it ends.
func (v *survey) message(end, now float64) { v.alive[minute(end, now)]++ }

// listed takes a message that a queue lists.
func (v *survey) listed(end, now float64) { v.read[minute(end, now)]++ }

func minute(end, now float64) int64 { return min(int64(end/60), int64(now/60)+farthest) }

func (v *survey) unlisted(now float64) *int64 {
	if !v.whole || v.passed < v.given {
		return nil
	}
	var n int64
	for at, alive := range v.alive {
		if at > int64(now/60) {
			n += alive - v.read[at]
		}
	}
	n = max(n, 0)
	return &n
}
