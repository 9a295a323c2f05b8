package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi/ledger"
)

// overlapping is a run in which a message is under two claims, and another one is lost.
func overlapping(o ledger.Options) ledger.Verdict {
	d := newDesk(o)
	post := d.post(2, 1)
	d.claim("a", at(2, 3), show(post, 1))
	second := d.claim("b", at(4, 5), show(post, 1))
	second.Messages()[0].Deleting(seconds(6), second).Confirmed(seconds(7))
	return d.drain()
}

func TestOffendersAreLinesOfJSON(t *testing.T) {
	var out bytes.Buffer
	if err := overlapping(ledger.Options{}).WriteOffenders(&out); err != nil {
		t.Fatal(err)
	}
	var got []ledger.Offender
	for line := range bytes.Lines(out.Bytes()) {
		var o ledger.Offender
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, o)
	}
	life := ledger.Life{
		Project: "p", Queue: "q", Number: 1, Index: 1, Size: 2, ID: "id-0.1", TTL: time.Hour,
		Intended: seconds(1), Posted: ledger.Confirmed, Confirmed: seconds(1.5), First: seconds(3), Last: seconds(4),
		Delivered: 2, Taken: 2, Going: seconds(6), Gone: seconds(7), Fate: ledger.FateDeleted,
	}
	lost := ledger.Life{
		Project: "p", Queue: "q", Size: 2, ID: "id-0.0", TTL: time.Hour,
		Intended: seconds(1), Posted: ledger.Confirmed, Confirmed: seconds(1.5), Fate: ledger.FateLost,
	}
	want := []ledger.Offender{
		{Class: ledger.Overlapped, Life: &life, Evidence: []ledger.Evidence{
			{What: "taken by this claim", How: "claim", Reader: "w", Claim: "a", Call: at(2, 3)},
			{What: "and taken by this", How: "claim", Reader: "w", ID: "id-0.1", Claim: "b", Call: at(4, 5)},
		}},
		{Class: ledger.Lost, Life: &lost, Evidence: []ledger.Evidence{{What: "neither deleted, popped, expired nor left over"}}},
	}
	// A duration of more than a moment is a little too long in the books, see span.
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() < time.Microsecond })); diff != "" {
		t.Errorf("the offenders are: %s", diff)
	}
	if err := overlapping(ledger.Options{}).WriteOffenders(fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("WriteOffenders on a full disk: %v", err)
	}
}

type fullDisk struct{}

var errFull = errors.New("full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestVerdictInWords(t *testing.T) {
	v := overlapping(ledger.Options{})
	if got, want := v.String(), "run desk: failed: lost 1, overlapped 1"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	for _, want := range []string{
		v.Identity(), "overlapped   1  FAULT", "lost: message 0 of producer 0 in p/q, confirmed, lost, ID id-0.0",
		"  4s to 5s: claim w b id-0.1 and taken by this",
	} {
		if got := v.Report(); !strings.Contains(got, want) {
			t.Errorf("Report() = %s\nwant it to say %q", got, want)
		}
	}
	v.Leftover++
	v.Undecided++
	if got := v.Identity(); v.Balanced() || !strings.Contains(got, "≠") || !strings.Contains(got, "undecided 1") {
		t.Errorf("books that don't balance: %s", got)
	}
	if got := v.String(); !strings.Contains(got, "undecided 1, the books don't balance") {
		t.Errorf("String() of books that don't balance: %s", got)
	}
	if text, err := json.Marshal(v); err != nil || !strings.Contains(string(text), `"faults":{"lost":1,"overlapped":1}`) {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

func TestBooksDoNotBalanceByThemselves(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.post(1, 1)
	post.Confirmed(ids(post), seconds(2)) // said twice
	if v := d.drain(showAll(post)...); v.Balanced() || v.OK() {
		t.Errorf("a message that was said to be confirmed twice: %s", v)
	}
}

func TestOptions(t *testing.T) {
	if v := overlapping(ledger.Options{Offenders: 1}); len(v.Offenders) != 1 || len(v.Faults) != 2 {
		t.Errorf("with room for one offender: %s", v.Report())
	}
	v := overlapping(ledger.Options{ForgetIDs: true})
	if id := v.Offenders[1].Life.ID; id != "" {
		t.Errorf("the ID %s was not forgotten", id)
	}
	d := newDesk(ledger.Options{Grain: 5 * time.Second})
	post := d.post(1, 1)
	d.claim("a", at(2, 3), showAll(post)...)
	d.claim("b", at(7.5, 8), showAll(post)...)
	wantFaults(t, d.l.Verdict(), faults{})
}

// What the verdict will excuse is no fault on a screen either, while the run is under way.
func TestProgressExcusesWhatTheVerdictDoes(t *testing.T) {
	for name, test := range map[string]struct {
		options ledger.Options
		want    int64
	}{
		"a store that forgets": {ledger.Options{Forgets: true}, 0},
		"one that does not":    {ledger.Options{}, 1},
	} {
		d := newDesk(test.options)
		post := d.post(1, 1)
		d.claim("a", at(2, 3), showAll(post)...)
		second := d.claim("b", at(4, 5), showAll(post)...)
		second.Messages()[0].Deleting(seconds(6), second).Confirmed(seconds(7))
		if got := d.l.Progress().Faults; got != test.want {
			t.Errorf("%s: %d faults so far, want %d", name, got, test.want)
		}
		if v := d.drain(); v.Faults[ledger.Overlapped] != test.want || v.Excused[ledger.Overlapped] != 1-test.want {
			t.Errorf("%s: the verdict has %v, and excuses %v", name, v.Faults, v.Excused)
		}
	}
}

func TestProgressAndLives(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.post(3, 1)
	d.sending(1, 2)
	claim := d.claim("a", at(3, 4), showAll(post)...)
	claim.Messages()[0].Deleting(seconds(5), claim).Confirmed(seconds(6))
	d.w.Popped(d.q, at(7, 8), showAll(post)[2:])
	want := ledger.Progress{Posted: 4, Confirmed: 3, Delivered: 4, TakenAway: 2, Faults: 1}
	if got := d.l.Progress(); got != want {
		t.Errorf("Progress() = %+v, want %+v", got, want)
	}
	drain(d.l, d.q, show(post, 1))
	var fates []ledger.Fate
	var first time.Duration
	for life := range d.l.Lives() {
		if life.Number == 4 {
			break
		}
		fates = append(fates, life.Fate)
		first += life.First
	}
	if diff := cmp.Diff([]ledger.Fate{ledger.FateDeleted, ledger.FateLeftover, ledger.FatePopped, ledger.FateNone}, fates); diff != "" {
		t.Errorf("the fates are %s", diff)
	}
	if (first - seconds(12)).Abs() > time.Microsecond {
		t.Errorf("the messages were first shown after %v together, want 12s", first)
	}
	for range d.l.Lives() {
		break
	}
}

func TestRedeliveryDelay(t *testing.T) {
	d := newDesk(ledger.Options{})
	released, dropped, ended := d.post(1, 1), d.post(1, 2), d.post(1, 3)
	a, b := d.claim("a", at(4, 5), showAll(released)...), d.claim("b", at(4, 5), showAll(dropped)...)
	d.claim("c", at(4, 5), showAll(ended)...)
	a.Releasing(seconds(6))
	a.Released(seconds(6.5))
	b.Dropped(seconds(7))
	again := d.l.Worker("again")
	all := append(append(showAll(released), showAll(dropped)...), showAll(ended)...)
	again.Claimed(ledger.Claiming{Queue: d.q, ID: "d", TTL: time.Minute, Call: at(19, 20)}, all)
	v := d.drain(all...)
	if got, want := v.Redelivered, (ledger.Redelivery{Count: 3, Total: seconds(14 + 13 + 6.001), Max: seconds(14)}); got != want || !v.OK() {
		t.Errorf("redelivered: %+v, want %+v: %s", got, want, v)
	}
	if got := v.Redelivered.Mean(); got != seconds(33.001)/3 {
		t.Errorf("the mean delay is %v", got)
	}
}

func TestSharedIDs(t *testing.T) {
	d := newDesk(ledger.Options{})
	for n := range 3 {
		d.sending(1, float64(n)).Confirmed([]string{"same"}, seconds(float64(n)+0.5))
	}
	v := d.l.Verdict()
	wantFaults(t, v, faults{ledger.Corrupt: 2})
}

// Whoever reads of a fault wants to look the message up, even if all others of its time are gone.
func TestOffendersAreNamed(t *testing.T) {
	d := newDesk(ledger.Options{})
	refused := d.sending(1, 1)
	d.l.Observer(d.q, ledger.Observing{}).Page(at(1.2, 1.3), showAll(refused))
	refused.Refused(seconds(2))
	missed := d.post(1, 3)
	for range 200 {
		d.post(1, 4)
	}
	last := d.post(1, 5)
	d.l.Observer(d.q, ledger.Observing{Claimed: true}).Page(at(6, 7), showAll(last))
	posts := []ledger.Post{refused, missed, last}
	for _, post := range posts {
		post.Message(0).Deleting(seconds(8), nil).Confirmed(seconds(9))
	}
	v := d.l.Verdict()
	for i, o := range v.Offenders {
		if o.Life == nil || o.Life.ID == "" {
			t.Errorf("offender %d has no ID: %s", i, o)
		}
	}
	if v.Faults[ledger.Phantom] != 1 || v.Faults[ledger.Missed] != 201 {
		t.Errorf("faults %v, want a phantom and 201 that were missed", v.Faults)
	}
}
