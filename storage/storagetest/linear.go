package storagetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/marconi-mq/marconi"
)

// A callKind is what a call of a linear history does.
type callKind string

const (
	callPost    callKind = "post"
	callGet     callKind = "get"
	callPop     callKind = "pop"
	callClaim   callKind = "claim"
	callRelease callKind = "release"
	callDelete  callKind = "delete"
)

// A call is one call of a history: messages go by their labels, claims by their IDs.
type call struct {
	kind     callKind
	messages string // those that it is about, apart by spaces
	claim    marconi.ClaimID
}

func (c call) String() string {
	return strings.TrimRight(fmt.Sprintf("%s %s %.6s", c.kind, c.messages, c.claim), " ")
}

// An item is a message of the model's queue, and "" or the claim that holds it.
type item struct {
	message string
	claim   marconi.ClaimID
}

// linearModel is a queue in which each call takes effect at one moment between its beginning and its answer. Which of
// the free messages a pop or a claim gets is left open: beside others it may pass over some that they are about to take.
func linearModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return []item(nil) },
		Step: func(state, input, output any) (bool, any) {
			return linearStep(slices.Clone(state.([]item)), input.(call), output.(string))
		},
		Equal:             func(a, b any) bool { return slices.Equal(a.([]item), b.([]item)) },
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v = %v", input, output) },
	}
}

// linearStep tells whether a call can have answered as it did, and what the queue is like then.
func linearStep(items []item, c call, answer string) (possible bool, after []item) {
	switch c.kind {
	case callPost:
		for label := range strings.FieldsSeq(c.messages) {
			items = append(items, item{message: label})
		}
		return answer == "done", items
	case callRelease:
		for i := range items {
			if items[i].claim == c.claim {
				items[i].claim = ""
			}
		}
		return answer == "done", items
	case callGet, callDelete:
		return linearOne(items, c, answer)
	}
	return linearTake(items, c, answer)
}

// linearOne is about one message, which may not be there.
func linearOne(items []item, c call, answer string) (bool, []item) {
	i := slices.IndexFunc(items, func(it item) bool { return it.message == c.messages })
	want := "done"
	switch {
	case c.kind == callGet && i < 0:
		want = "error " + marconi.ErrNoMessage.Code
	case c.kind == callGet:
		want = fmt.Sprintf("under %q", items[i].claim)
	case i < 0:
	case items[i].claim == c.claim:
		items = slices.Delete(items, i, i+1)
	case c.claim == "":
		want = "error " + marconi.ErrClaimed.Code
	default: // the claim that was named may live or not: the table of deletes is for other cases
		return strings.HasPrefix(answer, "error "), items
	}
	return answer == want, items
}

// linearTake takes the messages of the answer, which must be free and in order.
func linearTake(items []item, c call, answer string) (bool, []item) {
	from := 0
	for label := range strings.FieldsSeq(answer) {
		i := slices.IndexFunc(items[from:], func(it item) bool { return it.message == label && it.claim == "" })
		if i < 0 {
			return false, items
		}
		from += i
		if c.kind == callPop {
			items = slices.Delete(items, from, from+1)
			continue
		}
		items[from].claim = c.claim
	}
	return true, items
}

// A linearRun is one history of a queue, as it is made.
type linearRun struct {
	q     *queue
	order order

	mu     sync.Mutex // guards what follows
	calls  []porcupine.Operation
	labels []string // of messages whose IDs are known
	ids    map[string]marconi.MessageID
}

// callsHaveAnOrder makes short histories of few workers, for the search for an order grows with them.
func callsHaveAnOrder(t *testing.T, r *rig) {
	r.needExclusiveClaims(t)
	run := &linearRun{q: r.queue(t), ids: map[string]marconi.MessageID{}}
	seed := rand.Uint64()
	var workers tasks
	for w := range 4 {
		workers.run(func() error { return run.work(t.Context(), w, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	workers.wait(t)
	model := linearModel()
	if porcupine.CheckOperationsTimeout(model, run.calls, 2*time.Second) == porcupine.Illegal {
		t.Errorf("there is no order in which these calls can have taken effect:\n%s", describe(model, run.calls))
	}
}

func describe(model porcupine.Model, calls []porcupine.Operation) string {
	slices.SortFunc(calls, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var all strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&all, "  moments %d to %d, worker %d: %s\n", c.Call, c.Return, c.ClientId, model.DescribeOperation(c.Input, c.Output))
	}
	return all.String()
}

// work makes a few calls, at random.
func (run *linearRun) work(ctx context.Context, worker int, random *rand.Rand) error {
	var claim marconi.ClaimID
	for n := range 8 {
		c := call{kind: []callKind{callPost, callGet, callPop, callClaim, callDelete, callRelease}[random.IntN(6)]}
		switch c.kind {
		case callPost:
			c.messages = fmt.Sprintf("%d.%d", worker, n)
			if random.IntN(2) == 0 {
				c.messages += fmt.Sprintf(" %d.%d'", worker, n)
			}
		case callClaim:
			claim = newClaimID()
			c.claim = claim
		case callRelease:
			c.claim = claim
		case callGet, callDelete:
			c.messages = run.someLabel(random)
			if random.IntN(2) == 0 && c.kind == callDelete {
				c.claim = claim
			}
		}
		if err := run.carryOut(ctx, worker, c); err != nil {
			return err
		}
	}
	return nil
}

func (run *linearRun) someLabel(random *rand.Rand) string {
	run.mu.Lock()
	defer run.mu.Unlock()
	if len(run.labels) == 0 {
		return "none"
	}
	return run.labels[random.IntN(len(run.labels))]
}

// carryOut makes the call and writes down when it was made and what came.
func (run *linearRun) carryOut(ctx context.Context, worker int, c call) error {
	begun := run.order.now()
	answer, err := run.answer(ctx, c)
	ended := run.order.now()
	if err != nil && marconi.KindOf(err) == marconi.Unavailable {
		return fmt.Errorf("%v: %w", c, err)
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	run.calls = append(run.calls, porcupine.Operation{ClientId: worker, Input: c, Call: begun, Output: failure(err, answer), Return: ended})
	return nil
}

func (run *linearRun) answer(ctx context.Context, c call) (string, error) {
	ds, ref := run.q.ds, run.q.QueueRef
	switch c.kind {
	case callPost:
		return "done", run.post(ctx, strings.Fields(c.messages))
	case callGet:
		m, err := ds.Message(ctx, ref, run.id(c.messages))
		return fmt.Sprintf("under %q", m.Claim), err
	case callPop:
		got, err := ds.Pop(ctx, ref, 2)
		return strings.Join(bodies(got), " "), err
	case callClaim:
		got, err := ds.Claim(ctx, ref, marconi.ClaimRequest{ID: c.claim, TTL: longTTL, Limit: 2})
		return strings.Join(bodies(got.Messages), " "), err
	case callRelease:
		return "done", ds.Release(ctx, ref, c.claim)
	}
	return "done", ds.Delete(ctx, ref, run.id(c.messages), c.claim)
}

func (run *linearRun) id(label string) marconi.MessageID {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.ids[label]
}

func (run *linearRun) post(ctx context.Context, labels []string) error {
	p := marconi.Post{Client: producer}
	for _, label := range labels {
		p.Messages = append(p.Messages, message(longTTL, label))
	}
	ids, err := run.q.ds.Post(ctx, run.q.QueueRef, p)
	run.mu.Lock()
	defer run.mu.Unlock()
	for i, id := range ids {
		run.labels = append(run.labels, labels[i])
		run.ids[labels[i]] = id
	}
	return err
}
