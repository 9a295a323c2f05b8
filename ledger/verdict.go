package ledger

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Verdict is what the books say. Counts are of messages, those of torn of posts.
type Verdict struct {
	Run string `json:"run"`

	Posted         int64 `json:"posted"` // that is, sent
	Confirmed      int64 `json:"confirmed"`
	Refused        int64 `json:"refused"`
	Unsure         int64 `json:"unsure"`
	UnsureAppeared int64 `json:"unsure_appeared"`

	Deleted    int64 `json:"deleted"`
	Popped     int64 `json:"popped"`
	UnsureGone int64 `json:"unsure_gone"`
	Leftover   int64 `json:"leftover"`
	Expired    int64 `json:"expired"`
	Lost       int64 `json:"lost"`
	Undecided  int64 `json:"undecided"` // of queues that were not drained

	Delivered   int64      `json:"delivered"` // messages in answers
	Redelivered Redelivery `json:"redelivered"`

	// Faults are the broken promises, of classes that have any; Excused those that the store did not give: see [Options].
	Faults   map[Class]int64 `json:"faults"`
	Excused  map[Class]int64 `json:"excused"`
	Farthest int64           `json:"farthest_reordered"` // by how many numbers, where that is excused

	Offenders []Offender `json:"offenders"` // the first of them
}

// An Offender is a message with a fault, and its life.
type Offender struct {
	Class    Class      `json:"class"`
	Life     *Life      `json:"life,omitempty"` // nil: of what the ledger doesn't know
	Evidence []Evidence `json:"evidence"`
}

// Verdict closes the books, when everything has been reported and every queue drained. It may be asked for earlier, and again.
func (l *Ledger) Verdict() Verdict {
	a := l.newAudit()
	a.run()
	c := &l.counts
	v := Verdict{
		Run:            l.options.Run,
		Posted:         c.posted.Load(),
		Confirmed:      c.confirmed.Load(),
		Refused:        c.refused.Load(),
		UnsureAppeared: c.unsureAppeared.Load() + a.pending,
		Deleted:        a.fates[FateDeleted],
		Popped:         a.fates[FatePopped],
		UnsureGone:     a.fates[FateUnsureGone],
		Leftover:       a.fates[FateLeftover],
		Expired:        a.fates[FateExpired],
		Lost:           a.fates[FateLost],
		Undecided:      a.fates[FateUndecided],
		Delivered:      c.delivered.Load(),
		Farthest:       c.farthest.Load(),
		Faults:         a.docket.faults,
		Excused:        map[Class]int64{},
		Offenders:      []Offender{},
	}
	v.Unsure = v.Posted - v.Confirmed - v.Refused
	c.mu.Lock()
	v.Redelivered = c.redelivered
	c.mu.Unlock()
	v.excuse(l.options, c.reordered.Load())
	for _, x := range a.docket.first {
		v.Offenders = append(v.Offenders, a.offender(x))
	}
	return v
}

// excuse takes those classes out of the faults that the store never promised to keep free of.
func (v *Verdict) excuse(o Options, reordered int64) {
	for class, n := range v.Faults {
		if o.excuses(class) {
			v.Excused[class] = n
			delete(v.Faults, class)
		}
	}
	if reordered > 0 {
		v.Excused[Reordered] = reordered
	}
}

// excuses reports whether the store never promised to keep free of a class.
func (o Options) excuses(class Class) bool {
	switch class {
	case Torn:
		return o.NotAllOrNone || o.Forgets
	case Lost, Duplicated, Overlapped, Missed, Resurrected:
		return o.Forgets
	}
	return false
}

func (a *audit) offender(x accusation) Offender {
	o := Offender{Class: x.class, Evidence: x.evidence}
	if x.stranger != nil {
		return o
	}
	a.l.with(x.at, func(c *chunk, slot int, _ *record) {
		f := a.fate(&c.records[slot])
		switch {
		case a.lost[x.at]:
			f = FateLost
		case f == FateLost: // by now all of the unsure pops are used up
			f = FateUnsureGone
		}
		life := a.l.life(c, slot, x.at, f)
		o.Life = &life
	})
	return o
}

// OK reports whether no promise was broken, the fate of every message is known, and the books balance.
func (v Verdict) OK() bool { return len(v.Faults) == 0 && v.Undecided == 0 && v.Balanced() }

// Appeared is the left side of the identity that every run must satisfy: what there was.
func (v Verdict) Appeared() int64 { return v.Confirmed + v.UnsureAppeared }

// Accounted is its right side: what has become of it.
func (v Verdict) Accounted() int64 {
	return v.Deleted + v.Popped + v.UnsureGone + v.Leftover + v.Expired + v.Lost + v.Undecided
}

// Balanced reports whether the identity holds. The left side is counted as it happens, the right side found in the records:
// if they differ, what was reported can't be true, or the ledger is at fault.
func (v Verdict) Balanced() bool { return v.Appeared() == v.Accounted() }

// Identity is the identity in words and numbers.
func (v Verdict) Identity() string {
	sign := "="
	if !v.Balanced() {
		sign = "≠"
	}
	text := fmt.Sprintf("confirmed %d + unsure appeared %d %s deleted %d + popped %d + unsure gone %d + leftover %d + expired %d + lost %d",
		v.Confirmed, v.UnsureAppeared, sign, v.Deleted, v.Popped, v.UnsureGone, v.Leftover, v.Expired, v.Lost)
	if v.Undecided > 0 {
		text += fmt.Sprintf(" + undecided %d", v.Undecided)
	}
	return text
}

// String is the verdict in a line.
func (v Verdict) String() string {
	if v.OK() {
		return fmt.Sprintf("run %s: ok, %d messages posted, %d delivered", v.Run, v.Posted, v.Delivered)
	}
	var faults []string
	for _, class := range Classes() {
		if n := v.Faults[class]; n > 0 {
			faults = append(faults, fmt.Sprintf("%s %d", class, n))
		}
	}
	if v.Undecided > 0 {
		faults = append(faults, fmt.Sprintf("undecided %d", v.Undecided))
	}
	if !v.Balanced() {
		faults = append(faults, "the books don't balance")
	}
	return fmt.Sprintf("run %s: failed: %s", v.Run, strings.Join(faults, ", "))
}

// Report is the verdict on a page: counts, the identity, and the first offenders.
func (v Verdict) Report() string {
	var page strings.Builder
	fmt.Fprintf(&page, "%s\n%s\n\n", v, v.Identity())
	table := tabwriter.NewWriter(&page, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, more string) { fmt.Fprintf(table, "  %s\t%d\t%s\n", name, n, more) }
	row("posted", v.Posted, "")
	row("confirmed", v.Confirmed, "")
	row("refused", v.Refused, "")
	row("unsure", v.Unsure, fmt.Sprintf("%d appeared", v.UnsureAppeared))
	row("delivered", v.Delivered, "")
	row("redelivered", v.Redelivered.Count, v.Redelivered.text())
	for _, class := range Classes() {
		row(string(class), v.Faults[class], v.verdictOn(class))
	}
	_ = table.Flush() // into a strings.Builder
	for _, o := range v.Offenders[:min(len(v.Offenders), 10)] {
		fmt.Fprintf(&page, "\n%s\n", o)
	}
	return page.String()
}

func (r Redelivery) text() string {
	if r.Count == 0 {
		return ""
	}
	return fmt.Sprintf("after %v on average, at most %v", r.Mean().Round(time.Microsecond), r.Max.Round(time.Microsecond))
}

func (v Verdict) verdictOn(class Class) string {
	switch n := v.Excused[class]; {
	case v.Faults[class] > 0:
		return "FAULT"
	case n > 0 && class == Reordered:
		return fmt.Sprintf("%d excused, by at most %d", n, v.Farthest)
	case n > 0:
		return fmt.Sprintf("%d excused", n)
	}
	return ""
}

// String is the offender in a few lines.
func (o Offender) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: ", o.Class)
	if l := o.Life; l != nil {
		fmt.Fprintf(&text, "message %d of producer %d in %s/%s, %s, %s", l.Number, l.Producer, l.Project, l.Queue, l.Posted, l.Fate)
		if l.ID != "" {
			fmt.Fprintf(&text, ", ID %s", l.ID)
		}
	}
	for _, e := range o.Evidence {
		fmt.Fprintf(&text, "\n  %s", e)
	}
	return text.String()
}

// String is the evidence in a line.
func (e Evidence) String() string {
	when := ""
	if e.Call != (Call{}) {
		when = fmt.Sprintf("%v to %v:", e.Sent, e.Answered)
	}
	words := []string{when, e.How, e.Reader, e.Claim, e.ID, e.What}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// WriteOffenders writes the offenders as lines of JSON: violations.jsonl.
func (v Verdict) WriteOffenders(w io.Writer) error {
	lines := json.NewEncoder(w)
	for _, o := range v.Offenders {
		if err := lines.Encode(o); err != nil {
			return fmt.Errorf("write the offenders: %w", err)
		}
	}
	return nil
}

// Progress is what a screen shows while a run is under way.
type Progress struct {
	Posted, Confirmed, Delivered int64
	TakenAway                    int64 // deletes and pops that were confirmed
	Faults                       int64 // those known for certain so far, but for what the verdict will excuse
}

// Progress tells how the run is going. It costs next to nothing.
func (l *Ledger) Progress() Progress {
	c := &l.counts
	return Progress{c.posted.Load(), c.confirmed.Load(), c.delivered.Load(), c.takenAway.Load(), l.docket.count(l.options.excuses)}
}
