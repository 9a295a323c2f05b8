package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
)

// claimRun claims all there is, and says how much that was.
func (r *rig) claimRun(got *int) func(*tx) error {
	return func(t *tx) error {
		q, err := t.header(ref("q"))
		if err != nil {
			return err
		}
		claimed, err := t.claim(q, marconi.ClaimRequest{ID: "c", TTL: 60, Limit: 100}, &freeLook{limit: 100, mostClaims: anyClaims})
		*got = len(claimed.Messages)
		return err
	}
}

// TestABatchSeesItsPosts: rows that wait to be inserted with others are there for whoever comes next, in the order of posting.
func TestABatchSeesItsPosts(t *testing.T) {
	for _, n := range []int{1, rowsAtOnce - 1, rowsAtOnce, rowsAtOnce + 1, 2*rowsAtOnce + 3} {
		t.Run(fmt.Sprintf("after %d posts", n), func(t *testing.T) {
			r := newRig(t, "")
			var runs []func(*tx) error
			var bodies []string
			for i := range n {
				bodies = append(bodies, fmt.Sprintf("body-%d", i))
				runs = append(runs, r.postRun(bodies[i]))
			}
			var got int
			runs = append(runs, r.claimRun(&got), r.postRun("last"))
			if err := errors.Join(r.together(runs...)...); err != nil {
				t.Fatal(err)
			}
			if got != n {
				t.Errorf("a claim behind %d posts of its batch got %d messages", n, got)
			}
			r.wantBodies(append(bodies, "last")...)
		})
	}
}

// TestRowsThatCantBeWritten fail with the operation that they are of, whosever statement comes next.
func TestRowsThatCantBeWritten(t *testing.T) {
	large := strings.Repeat("x", 1<<16)
	small := make([]string, rowsAtOnce)
	for i := range small {
		small[i] = fmt.Sprintf("small-%d", i)
	}
	for name, bodies := range map[string][]string{
		"before another's statement": {"a", large, "b"},
		"with as many as go at once": append([]string{large}, small...),
		"twice":                      {large, "a", large, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			post(t, r.opened, "first")
			r.limitPages(4)
			var runs []func(*tx) error
			want := []string{"first"}
			for _, body := range bodies {
				runs = append(runs, r.postRun(body))
				if body != large {
					want = append(want, body)
				}
			}
			var got int
			errs := r.together(append(runs, r.claimRun(&got))...)
			for i, body := range bodies {
				if failed := errs[i] != nil; failed != (body == large) {
					t.Errorf("the post of %.10s ends with %v; want only the large ones to fail", body, errs[i])
				}
			}
			if err := errs[len(bodies)]; err != nil || got != len(want) {
				t.Errorf("the claim behind them got %d messages, %v; want %d", got, err, len(want))
			}
			r.wantBodies(want...)
		})
	}
}

// TestRowsGoTogetherAgain after a time in which they could not be written, even if it was nobody's fault.
func TestRowsGoTogetherAgain(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	pages := pragma(t, r.opened, "page_count")
	runs := 0
	narrow := func(t *tx) error {
		runs++
		limit := pages + 4
		if runs > 1 {
			limit += 1000
		}
		return t.query(fmt.Sprintf("PRAGMA max_page_count = %d", limit), func(*sql.Rows) error { return nil })
	}
	large := strings.Repeat("x", 1<<16)
	if err := errors.Join(r.together(r.postRun("a"), narrow, r.postRun(large), r.postRun("b"))...); err != nil || runs != 2 {
		t.Errorf("in the transaction's run number %d, it ended with %v; want none in the second", runs, err)
	}
	r.wantBodies("first", "a", large, "b")
	if r.w.mu.Lock(); r.w.inserts.apart {
		t.Error("rows are still written each by itself")
	}
	r.w.mu.Unlock()
}

// TestWhatComesMeanwhileJoins a batch that is being run, if it is not of one.
func TestWhatComesMeanwhileJoins(t *testing.T) {
	r := newRig(t, "")
	before := len(r.meter.batches())
	late := make(chan error, 1)
	begin := func(*tx) error {
		go func() { late <- r.write(context.Background(), r.postRun("late")) }()
		r.waitForOps(1)
		return nil
	}
	if err := errors.Join(append(r.together(r.postRun("early"), begin), <-late)...); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.meter.batches()[before:]); got != "[1 3]" {
		t.Errorf("transactions were of %v operations, want [1 3]: what came meanwhile is in that of those before", got)
	}
	r.wantBodies("early", "late")
}
