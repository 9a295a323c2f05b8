package linear

import (
	"testing"

	"github.com/marconi-mq/marconi/ledger"
)

// of is the operation on a message.
func of(message string, o ledger.Operation) ledger.Operation {
	o.Message = message
	if o.Kind == ledger.OpPost {
		o.Post = "post of " + message
	}
	return o
}

func shownTo(reader, message string, from, to int) ledger.Operation {
	o := of(message, done(ledger.OpShow, "", from, to))
	o.Reader = reader
	return o
}

func TestCheckOrder(t *testing.T) {
	post := ledger.OpPost
	first, second := of("0.1", done(post, "", 0, 1)), of("0.2", done(post, "", 2, 3))
	overlapping := of("0.2", done(post, "", 1, 3))
	together := func() []ledger.Operation {
		one, two := first, of("0.2", first)
		one.Post, two.Post = "same", "same"
		return []ledger.Operation{one, two}
	}()
	for _, test := range []struct {
		name     string
		possible bool
		pairs    int
		history  []ledger.Operation
	}{
		{"in order", true, 1, []ledger.Operation{first, second, shownTo("x", "0.1", 4, 5), shownTo("x", "0.2", 4, 5)}},
		{"swapped", false, 1, []ledger.Operation{first, second, shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 4, 5)}},
		{"swapped on later pages", false, 1, []ledger.Operation{first, second, shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 6, 7)}},
		{"overlapping posts", true, 1, []ledger.Operation{first, overlapping, shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 4, 5)}},
		{"readers who differ", false, 1, []ledger.Operation{
			first, overlapping, shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 4, 5), shownTo("y", "0.1", 4, 5), shownTo("y", "0.2", 4, 5),
		}},
		{"posted together", true, 1, append(together, shownTo("x", "0.1", 4, 5), shownTo("x", "0.2", 4, 5))},
		{"posted together, and swapped", false, 1, append(together, shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 4, 5))},
		{"unsure posts", true, 1, []ledger.Operation{
			of("0.1", op(post, "", 0, 0, ledger.Unsure)), second, shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 6, 7),
		}},
		{"shown before it is posted", false, 1, []ledger.Operation{first, of("0.2", done(post, "", 6, 7)), shownTo("x", "0.1", 4, 5), shownTo("x", "0.2", 4, 5)}},
		{"shown to nobody together", true, 0, []ledger.Operation{first, second, shownTo("x", "0.2", 4, 5), shownTo("y", "0.1", 4, 5)}},
		{"shown twice, and again in order", true, 1, []ledger.Operation{first, second, shownTo("x", "0.1", 4, 5), shownTo("x", "0.2", 4, 5), shownTo("x", "0.1", 6, 7)}},
		{"with one between that nobody saw", true, 0, []ledger.Operation{
			first, second, of("0.3", done(post, "", 4, 5)), shownTo("x", "0.3", 6, 7), shownTo("x", "0.1", 6, 7),
		}},
		{"of two producers", true, 0, []ledger.Operation{first, of("1.2", second), shownTo("x", "1.2", 4, 5), shownTo("x", "0.1", 4, 5)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := CheckOrder(test.history, Options{})
			if got.OK() != test.possible || got.Messages != test.pairs || len(got.Undecided) > 0 {
				t.Errorf("CheckOrder(…) = %+v, want OK() = %v of %d pairs", got, test.possible, test.pairs)
			}
		})
	}
}
