package linear

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
	"github.com/marconi-mq/marconi/ledger"
)

// CheckOrder checks in which order listings showed messages. Any two that a producer posted to a queue one after the other are a
// register of their own, which says what stands there: neither, one of them, or both, in the order in which their posts happened.
// Who was shown both has read it, between the request for the first and the answer with the second. Messages of one post come
// into it together. Posts that need not keep their order are left out.
func CheckOrder(history []ledger.Operation, o Options) Result {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	posts, shows := ordered(history)
	model, result := orderModel(), Result{}
	for _, pair := range neighbours(posts) {
		part := pair.part(posts, shows)
		if len(part.Operations) < 3 { // nobody has read it
			continue
		}
		result.judge(model, part, pair.calls(part.Operations), o.Timeout)
	}
	return result
}

// A place is the place of a show among those of its listing.
type place struct {
	at int
	op ledger.Operation
}

// ordered are the posts by their messages, and by message and reader where each was shown first.
func ordered(history []ledger.Operation) (posts map[string]ledger.Operation, shows map[string]map[string]place) {
	posts, shows = map[string]ledger.Operation{}, map[string]map[string]place{}
	for i, op := range history {
		switch {
		case op.Kind == ledger.OpPost && op.Post != "" && op.Outcome != ledger.Refused:
			posts[op.Message] = op
		case op.Kind == ledger.OpShow && op.Reader != "":
			if shows[op.Message] == nil {
				shows[op.Message] = map[string]place{}
			}
			if _, again := shows[op.Message][op.Reader]; !again {
				shows[op.Message][op.Reader] = place{i, op}
			}
		}
	}
	return posts, shows
}

// A pair are two messages of a producer in a queue, with none between.
type pair struct{ first, second string }

func neighbours(posts map[string]ledger.Operation) []pair {
	type row struct{ queue, producer string }
	rows := map[row][]int{}
	for message, op := range posts {
		producer, number, _ := strings.Cut(message, ".")
		n, _ := strconv.Atoi(number) // the ledger has made it
		at := row{op.Queue, producer}
		rows[at] = append(rows[at], n)
	}
	var pairs []pair
	for _, at := range slices.SortedFunc(maps.Keys(rows), func(a, b row) int {
		return cmp.Or(strings.Compare(a.queue, b.queue), strings.Compare(a.producer, b.producer))
	}) {
		numbers := rows[at]
		slices.Sort(numbers)
		for i := range len(numbers) - 1 {
			name := func(n int) string { return at.producer + "." + strconv.Itoa(n) }
			pairs = append(pairs, pair{name(numbers[i]), name(numbers[i+1])})
		}
	}
	return pairs
}

// part is what concerns the pair: its posts, and the shows of both by those who were shown both.
func (p pair) part(posts map[string]ledger.Operation, shows map[string]map[string]place) Offender {
	part := Offender{Queue: posts[p.first].Queue, Message: p.first + " and " + p.second}
	part.Operations = []ledger.Operation{posts[p.first], posts[p.second]}
	for _, reader := range slices.Sorted(maps.Keys(shows[p.first])) {
		first, second := shows[p.first][reader], shows[p.second][reader]
		switch {
		case second.op.Reader == "": // who was shown one of them knows nothing of their order
		case first.at < second.at:
			part.Operations = append(part.Operations, first.op, second.op)
		default:
			part.Operations = append(part.Operations, second.op, first.op)
		}
	}
	return part
}

// An entry is what happens to the register of a pair: what is put in, or read.
type entry struct {
	read bool
	what string
}

// calls are the posts, one if the messages were posted together, and the reads.
func (p pair) calls(operations []ledger.Operation) []porcupine.Operation {
	first, second := operations[0], operations[1]
	var all []porcupine.Operation
	add := func(e entry, from, to ledger.Operation) {
		call := porcupine.Operation{ClientId: len(all), Input: e, Call: int64(from.Sent), Return: int64(to.Answered)}
		if to.Outcome == ledger.Unsure {
			call.Return = math.MaxInt64
		}
		all = append(all, call)
	}
	if first.Post == second.Post {
		add(entry{what: "ab"}, first, first)
	} else {
		add(entry{what: "a"}, first, first)
		add(entry{what: "b"}, second, second)
	}
	for shows := operations[2:]; len(shows) > 0; shows = shows[2:] {
		what := "ab"
		if shows[0].Message == p.second {
			what = "ba"
		}
		add(entry{read: true, what: what}, shows[0], shows[1])
	}
	return all
}

// orderModel is a pair to which one thing happens after the other.
func orderModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			there, e := state.(string), input.(entry)
			if e.read {
				return e.what == there, there
			}
			return true, there + e.what
		},
	}
}
