package linear

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/marconi-mq/marconi/ledger"
	"pgregory.net/rapid"
)

// op is an operation from one second to another.
func op(kind ledger.OperationKind, claim string, from, to int, outcome ledger.Outcome) ledger.Operation {
	o := ledger.Operation{Kind: kind, Queue: "p/q", Message: "1", Claim: claim, Outcome: outcome}
	o.Sent, o.Answered = time.Duration(from)*time.Second, time.Duration(to)*time.Second
	if kind == ledger.OpPost {
		o.TTL = 1000 * time.Second
	}
	return o
}

func done(kind ledger.OperationKind, claim string, from, to int) ledger.Operation {
	return op(kind, claim, from, to, ledger.Confirmed)
}

// as is the operation with an ID.
func as(id string, o ledger.Operation) ledger.Operation {
	o.ID = id
	return o
}

// claimed is a claim, or its update, with a TTL of ten seconds.
func claimed(kind ledger.OperationKind, claim string, from, to int, outcome ledger.Outcome) ledger.Operation {
	o := op(kind, claim, from, to, outcome)
	o.TTL = 10 * time.Second
	return o
}

// anyClaim is a claim of whatever messages of the queue, whose answer never came.
func anyClaim(from int) ledger.Operation {
	o := claimed(ledger.OpClaim, "", from, 0, ledger.Unsure)
	o.Message, o.Queue, o.Any = "", "", "p/q"
	return o
}

func TestCheckClaims(t *testing.T) {
	const (
		post, claim, pop, show      = ledger.OpPost, ledger.OpClaim, ledger.OpPop, ledger.OpShow
		update, release, del, purge = ledger.OpUpdate, ledger.OpRelease, ledger.OpDelete, ledger.OpDeleteAnyway
		miss                        = ledger.OpMiss
		confirmed, refused, unsure  = ledger.Confirmed, ledger.Refused, ledger.Unsure
	)
	posted := done(post, "", 0, 1)
	held := claimed(claim, "a", 2, 3, confirmed)
	for _, test := range []struct {
		name     string
		possible bool
		history  []ledger.Operation
	}{
		{"posted, claimed, deleted", true, []ledger.Operation{posted, held, done(del, "a", 4, 5)}},
		{"claimed before it is posted", false, []ledger.Operation{held, done(post, "", 4, 5)}},
		{"claimed while it is posted", true, []ledger.Operation{held, done(post, "", 1, 5)}},
		{"shown though refused", false, []ledger.Operation{op(post, "", 0, 1, refused), done(show, "", 2, 3)}},
		{"shown though its post is unsure", true, []ledger.Operation{op(post, "", 0, 0, unsure), done(show, "", 2, 3)}},
		{"never seen of an unsure post", true, []ledger.Operation{op(post, "", 0, 0, unsure)}},

		{"claimed twice at once", false, []ledger.Operation{posted, held, claimed(claim, "b", 4, 5, confirmed)}},
		{"claimed twice, one after the other's end", true, []ledger.Operation{posted, held, claimed(claim, "b", 13, 14, confirmed)}},
		{"claimed twice, the end in doubt", true, []ledger.Operation{posted, held, claimed(claim, "b", 10, 12, confirmed)}},
		{"claimed twice after a release", true, []ledger.Operation{posted, held, done(release, "a", 4, 5), claimed(claim, "b", 4, 5, confirmed)}},
		{"claimed twice after another's release", false, []ledger.Operation{posted, held, done(release, "c", 4, 5), claimed(claim, "b", 6, 7, confirmed)}},
		{"claimed twice, the release unsure", true, []ledger.Operation{posted, held, op(release, "a", 4, 0, unsure), claimed(claim, "b", 6, 7, confirmed)}},
		{"claimed by nobody knows whom", true, []ledger.Operation{posted, anyClaim(0), claimed(claim, "b", 6, 7, confirmed), claimed(claim, "c", 20, 21, confirmed)}},
		{"popped under a claim", false, []ledger.Operation{posted, held, done(pop, "", 4, 5)}},
		{"popped twice", false, []ledger.Operation{posted, done(pop, "", 2, 9), done(pop, "", 3, 8)}},

		{"updated in time", true, []ledger.Operation{posted, held, claimed(update, "a", 11, 11, confirmed), done(del, "a", 20, 20)}},
		{"updated, and claimed by another", false, []ledger.Operation{posted, held, claimed(update, "a", 11, 11, confirmed), claimed(claim, "b", 14, 15, confirmed)}},
		{"updated too late", false, []ledger.Operation{posted, held, claimed(update, "a", 14, 15, confirmed)}},
		{"updated after a release", false, []ledger.Operation{posted, held, done(release, "a", 4, 5), claimed(update, "a", 6, 7, confirmed)}},
		{"updated after its delete", true, []ledger.Operation{posted, held, done(del, "a", 4, 5), claimed(update, "a", 6, 7, confirmed)}},
		{"an update refused though the claim is live", false, []ledger.Operation{posted, held, claimed(update, "a", 6, 7, refused)}},
		{"an update refused as the claim ends", true, []ledger.Operation{posted, held, claimed(update, "a", 11, 13, refused)}},
		{"an unsure update makes the end unsure", true, []ledger.Operation{posted, held, claimed(update, "a", 4, 0, unsure), done(del, "a", 90, 91)}},

		{"deleted with another's claim", false, []ledger.Operation{posted, held, done(del, "b", 4, 5)}},
		{"deleted without the claim", false, []ledger.Operation{posted, held, done(del, "", 4, 5)}},
		{"deleted without the claim, which may have ended", true, []ledger.Operation{posted, held, done(del, "", 11, 12)}},
		{"deleted with a claim that is over", false, []ledger.Operation{posted, held, done(del, "a", 14, 15)}},
		{"deleted with a claim that is over, when it had ended itself", true, []ledger.Operation{posted, held, done(del, "a", 1000, 1001)}},
		{"deleted free", true, []ledger.Operation{posted, done(del, "", 4, 5), done(del, "", 6, 7)}},
		{"deleted free with a claim", false, []ledger.Operation{posted, done(del, "a", 4, 5)}},
		{"a delete refused to the holder", false, []ledger.Operation{posted, held, op(del, "a", 4, 5, refused)}},
		{"a delete refused to another", true, []ledger.Operation{posted, held, op(del, "b", 4, 5, refused)}},
		{"a delete refused though it is free", false, []ledger.Operation{posted, op(del, "", 4, 5, refused)}},
		{"shown after its delete", false, []ledger.Operation{posted, held, done(del, "a", 4, 5), done(show, "", 6, 7)}},
		{"shown during its delete", true, []ledger.Operation{posted, held, done(del, "a", 4, 6), done(show, "", 5, 7)}},
		{"shown after an unsure delete", true, []ledger.Operation{posted, held, op(del, "a", 4, 0, unsure), done(show, "", 60, 70)}},
		{"an unsure delete waits for the claim to end", false, []ledger.Operation{posted, held, op(del, "", 4, 0, unsure), done(del, "b", 8, 9)}},
		{"an unsure delete when the claim has ended", true, []ledger.Operation{posted, held, op(del, "", 4, 0, unsure), done(del, "b", 12, 13)}},
		{"not in the drain", false, []ledger.Operation{posted, done(miss, "", 4, 9)}},
		{"not in the drain, but claimed", false, []ledger.Operation{posted, held, done(miss, "", 4, 9)}},
		{"not in the drain, posted meanwhile", true, []ledger.Operation{done(post, "", 3, 5), done(miss, "", 4, 9)}},
		{"not in the drain, its post refused", true, []ledger.Operation{op(post, "", 0, 1, refused), done(miss, "", 4, 9)}},
		{"not in the drain, its post unsure", true, []ledger.Operation{op(post, "", 0, 0, unsure), done(miss, "", 4, 9)}},
		{"not in the drain, its post unsure, and shown", false, []ledger.Operation{op(post, "", 0, 0, unsure), done(show, "", 2, 3), done(miss, "", 4, 9)}},
		{"not in the drain, deleted", true, []ledger.Operation{posted, done(del, "", 2, 3), done(miss, "", 4, 9)}},
		{"not in the drain, popped", true, []ledger.Operation{posted, done(pop, "", 2, 3), done(miss, "", 4, 9)}},
		{"not in the drain, its delete unsure", true, []ledger.Operation{posted, op(del, "", 2, 0, unsure), done(miss, "", 4, 9)}},
		{"not in the drain, its delete refused", false, []ledger.Operation{posted, held, op(del, "", 4, 5, refused), done(miss, "", 6, 9)}},
		{"not in the drain, expired", true, []ledger.Operation{posted, done(miss, "", 990, 1001)}},
		{"not in the drain, about to expire", false, []ledger.Operation{posted, done(miss, "", 990, 998)}},
		{"not in the drain, expired but for its claim", false, []ledger.Operation{posted, claimed(claim, "a", 995, 996, confirmed), done(miss, "", 998, 1002)}},
		{"not in the drain, its claim's time over as well", true, []ledger.Operation{posted, claimed(claim, "a", 995, 996, confirmed), done(miss, "", 998, 1006)}},
		{"shown under two IDs", false, []ledger.Operation{posted, as("1", done(show, "", 2, 3)), as("2", done(show, "", 4, 5))}},
		{"shown under another ID than posted", false, []ledger.Operation{as("1", posted), as("2", done(pop, "", 4, 5))}},
		{"shown under its ID", true, []ledger.Operation{as("1", posted), as("1", done(show, "", 2, 3)), as("1", held), done(del, "a", 5, 6)}},

		{"deleted anyway", true, []ledger.Operation{posted, held, done(purge, "", 4, 5)}},
		{"deleted anyway, and claimed", false, []ledger.Operation{posted, held, done(purge, "", 4, 5), claimed(claim, "b", 14, 15, confirmed)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := CheckClaims(test.history, Options{})
			if got.OK() != test.possible || got.Messages != 1 || len(got.Undecided) > 0 {
				t.Errorf("CheckClaims(…) = %+v, want OK() = %v", got, test.possible)
			}
			for _, broken := range got.Broken {
				if lines := strings.Count(broken.String(), "\n"); lines != len(test.history) || broken.Message != "1" || broken.Queue != "p/q" {
					t.Errorf("the offender is\n%v\nwant one line for each of %d operations", broken, len(test.history))
				}
			}
		})
	}
}

// A server that dies leaves many calls without an answer. They are no excuse for what they can't explain, and what they explain
// is found.
func TestCheckClaimsAmongUnansweredCalls(t *testing.T) {
	posted, held := done(ledger.OpPost, "", 0, 1), claimed(ledger.OpClaim, "a", 6, 7, ledger.Confirmed)
	refusal := op(ledger.OpDelete, "", 4, 5, ledger.Refused)
	for _, test := range []struct {
		name     string
		possible bool
		pops     int // sent at 2
		history  []ledger.Operation
	}{
		{"nothing to explain", true, 40, []ledger.Operation{posted, held, done(ledger.OpDelete, "a", 20, 21)}},
		{"claimed twice", false, 40, []ledger.Operation{posted, held, claimed(ledger.OpClaim, "b", 8, 9, ledger.Confirmed)}},
		{"deleted with another's claim", false, 0, []ledger.Operation{posted, held, done(ledger.OpDelete, "b", 8, 9)}},
		{"deleted with another's claim, though pops are under way", false, 40, []ledger.Operation{posted, held, done(ledger.OpDelete, "b", 8, 9)}},
		{"gone when its claim was over", true, 40, []ledger.Operation{posted, held, done(ledger.OpDelete, "b", 15, 17)}},
		{"gone before a delete with any claim", true, 1, []ledger.Operation{posted, done(ledger.OpDelete, "b", 8, 9)}},
		{"gone before the pop was sent", false, 1, []ledger.Operation{done(ledger.OpPost, "", 0, 0), done(ledger.OpDelete, "b", 1, 1)}},
		{"shown after it was gone", false, 1, []ledger.Operation{posted, done(ledger.OpDelete, "b", 8, 9), done(ledger.OpShow, "", 10, 11)}},
		{"a delete refused as somebody held it", true, 0, []ledger.Operation{posted, refusal, claimed(ledger.OpClaim, "a", 13, 14, ledger.Confirmed)}},
		{"held by somebody, and claimed", false, 0, []ledger.Operation{posted, refusal, held}},
		{"held by two, one after the other", true, 0, []ledger.Operation{
			posted, refusal, claimed(ledger.OpClaim, "a", 13, 14, ledger.Confirmed),
			done(ledger.OpRelease, "a", 15, 16), op(ledger.OpDelete, "", 17, 18, ledger.Refused),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			history := test.history
			for range 40 {
				history = append(history, anyClaim(2))
			}
			for range test.pops {
				pop := anyClaim(2)
				pop.Kind, pop.TTL = ledger.OpPop, 0
				history = append(history, pop)
			}
			got := CheckClaims(history, Options{})
			if got.OK() != test.possible || len(got.Undecided) > 0 {
				t.Errorf("CheckClaims(…) = %+v, want OK() = %v", got, test.possible)
			}
		})
	}
}

// Of the unanswered calls a few are enough: with all of them there is an order just as often.
func TestCheckClaimsNeedsFewUnansweredCalls(t *testing.T) {
	kinds := []ledger.OperationKind{
		ledger.OpClaim, ledger.OpPop, ledger.OpShow, ledger.OpUpdate, ledger.OpRelease, ledger.OpDelete, ledger.OpDelete, ledger.OpDeleteAnyway,
	}
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		history := []ledger.Operation{done(ledger.OpPost, "", 0, 1)}
		for range 1 + random.IntN(6) {
			kind, from := kinds[random.IntN(len(kinds))], random.IntN(40)
			o := claimed(kind, []string{"a", "b"}[random.IntN(2)], from, from+1+random.IntN(10), ledger.Confirmed)
			if kind == ledger.OpDelete && random.IntN(2) == 0 {
				o.Claim = ""
			}
			if (kind == ledger.OpDelete || kind == ledger.OpUpdate) && random.IntN(2) == 0 {
				o.Outcome = ledger.Refused
			}
			history = append(history, o)
		}
		all := slices.Clone(history)
		for i := range random.IntN(4) {
			o := anyClaim(random.IntN(40))
			if random.IntN(3) == 0 {
				o.Kind = ledger.OpPop
			}
			history = append(history, o)
			o.Claim = fmt.Sprint("unknown-", i)
			all = append(all, o)
		}
		want := porcupine.CheckOperations(claimModel(time.Millisecond), calls(all))
		if got := CheckClaims(history, Options{}); got.OK() != want {
			t.Fatalf("CheckClaims(…).OK() = %v, want %v with all that is unanswered in %v", got.OK(), want, Offender{Operations: all})
		}
	})
}

// The messages of a post appear together.
func TestCheckClaimsOfPosts(t *testing.T) {
	of := func(message string, o ledger.Operation) ledger.Operation {
		o.Message = message
		if o.Kind == ledger.OpPost {
			o.Post = "1"
		}
		return o
	}
	unsure, miss := op(ledger.OpPost, "", 0, 0, ledger.Unsure), done(ledger.OpMiss, "", 4, 9)
	for _, test := range []struct {
		name     string
		possible bool
		history  []ledger.Operation
	}{
		{"nothing of it is there", true, []ledger.Operation{of("1", miss), of("2", miss)}},
		{"a part was shown before", false, []ledger.Operation{of("1", done(ledger.OpShow, "", 2, 3)), of("1", miss), of("2", miss)}},
		{"a part is in the drain", false, []ledger.Operation{of("1", done(ledger.OpShow, "", 5, 6)), of("2", miss)}},
		{"a part was popped", false, []ledger.Operation{of("2", done(ledger.OpPop, "", 2, 3)), of("1", miss)}},
		{"a part was claimed, the other is there", true, []ledger.Operation{of("2", claimed(ledger.OpClaim, "a", 2, 3, ledger.Confirmed)), of("1", done(ledger.OpShow, "", 4, 5))}},
		{"a part was deleted", true, []ledger.Operation{of("2", done(ledger.OpDelete, "", 2, 3)), of("2", miss), of("1", done(ledger.OpShow, "", 5, 6))}},
		{"a part was shown after the drain", true, []ledger.Operation{of("1", done(ledger.OpShow, "", 10, 11)), of("2", miss)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := CheckClaims(append([]ledger.Operation{of("1", unsure), of("2", unsure)}, test.history...), Options{})
			if got.OK() != test.possible || got.Messages != 2 {
				t.Errorf("CheckClaims(…) = %+v, want OK() = %v", got, test.possible)
			}
		})
	}
}

func TestCheckClaimsGivesUp(t *testing.T) {
	history := []ledger.Operation{done(ledger.OpPost, "", 0, 1)}
	for range 40 {
		history = append(history, op(ledger.OpDelete, "somebody", 2, 0, ledger.Unsure))
	}
	history = append(history, done(ledger.OpDelete, "nobody", 3, 4))
	got := CheckClaims(history, Options{Timeout: time.Millisecond})
	if !got.OK() || len(got.Undecided) != 1 {
		t.Errorf("CheckClaims of too much that is unsure = %+v, want it undecided", got)
	}
}
