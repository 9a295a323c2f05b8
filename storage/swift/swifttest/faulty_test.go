package swifttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// bound is a context that ends soon.
func bound(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestFaults(t *testing.T) {
	order := ""
	failed := errors.New("failed")
	for _, row := range []struct {
		name   string
		fault  Fault
		want   error
		stored bool
	}{
		{"none", Fault{}, nil, true},
		{"Refused", Refused, ErrUnavailable, false},
		{"Confused", Confused, ErrUnavailable, true},
		{"Older", Older, objects.ErrNotStored, false},
		{"LostPut", LostPut, objects.ErrNotStored, true},
		{"Vanished", Vanished, objects.ErrMissing, false},
		{"TimedOut", TimedOut, errNoAnswer, false},
		{"TooLate", TooLate, errNoAnswer, true},
		{"lost", Fault{Lost: true}, context.DeadlineExceeded, false},
		{"mute", Fault{Mute: true}, context.DeadlineExceeded, true},
		{"slow", Fault{Delay: time.Millisecond}, nil, true},
		{"too slow", Fault{Delay: time.Hour}, context.DeadlineExceeded, false},
		{"hooks", Fault{First: func() { order += "1" }, Then: func() { order += "2" }, After: failed}, failed, true},
	} {
		f := NewFaulty(memory(t, Options{}))
		f.Fail(Put, 2, row.fault)
		put(t, f, "first")
		wantErr(t, row.name+": second Put", f.Put(bound(t), of("second"), nil, objects.Attributes{}), row.want)
		put(t, f, "third")
		_, err := f.Get(t.Context(), of("second"), false)
		if stored := err == nil; stored != row.stored {
			t.Errorf("%s: stored: %v, want %v", row.name, stored, row.stored)
		}
		if f.Count(Put) != 3 || f.Count(Get) != 1 || f.Total() != 4 {
			t.Errorf("%s: %d Puts and %d Gets of %d calls, want 3 and 1 of 4", row.name, f.Count(Put), f.Count(Get), f.Total())
		}
	}
	if order != "12" {
		t.Errorf("hooks ran in the order %q, want 12", order)
	}
}

// A call that fails gives nothing, though it was carried out.
func TestFaultAfterAnAnswer(t *testing.T) {
	f := NewFaulty(memory(t, Options{}))
	put(t, f, "o")
	f.FailAll(Get, Confused)
	for range 3 {
		o, err := f.Get(t.Context(), of("o"), false)
		if wantErr(t, "Get", err, ErrUnavailable); o.Body != nil {
			t.Errorf("Get = %q beside its error", o.Body)
		}
	}
	f.Reset()
	if _, err := f.Get(t.Context(), of("o"), false); err != nil || f.Count(Get) != 1 {
		t.Errorf("after Reset: Get = %v, %d calls", err, f.Count(Get))
	}
}

func TestPlanSeesPaths(t *testing.T) {
	f := NewFaulty(memory(t, Options{}))
	f.Plan(func(c Call) (Fault, bool) {
		return Refused, c.Kind == DeleteMany && len(c.Paths) == 2 && c.Paths[1] == of("b")
	})
	must(t, "DeleteMany", f.DeleteMany(t.Context(), []objects.Path{of("a"), of("c")}))
	wantErr(t, "DeleteMany with b", f.DeleteMany(t.Context(), []objects.Path{of("a"), of("b")}), ErrUnavailable)
}

func TestFaultyLag(t *testing.T) {
	d := newDial()
	f := NewFaulty(memory(t, Options{Now: d.Now}))
	put(t, f, "b")
	put(t, f, "d")
	d.turn(10 * time.Second)
	put(t, f, "a")
	put(t, f, "c")
	f.Lag(5*time.Second, d.Now)
	wantListed(t, "within the lag", f, "b", "d")
	first, err := f.List(t.Context(), "c", objects.Listing{Limit: 2})
	must(t, "List", err)
	if got := names(first); len(got) != 2 || got[1] != "d" {
		t.Errorf("a page of two = %q, want it full with what is old enough", got)
	}
	d.turn(6 * time.Second)
	wantListed(t, "after the lag", f, "a", "b", "c", "d")
}
