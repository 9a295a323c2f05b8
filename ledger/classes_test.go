package ledger_test

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

func TestStrangers(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.post(3, 1)
	foreign := ledger.Body{Run: "another", Queue: ledger.QueueHash("p", "q"), Size: 1}.Append(nil)
	unposted := post.Body(0)
	unposted.Number = 99
	unborn := unposted
	unborn.Producer = 99
	misfiled := post.Body(0)
	misfiled.Queue++
	misplaced := post.Body(1)
	misplaced.Index, misplaced.Batch = 0, misplaced.Number
	o := d.l.Observer(d.q, ledger.Observing{Name: "o"})
	for range 2 { // each is a fault once, however often it is shown
		o.Page(at(2, 3), []ledger.Seen{
			{ID: "a", Body: foreign},
			{ID: "b", Body: []byte(`{"hello": "world"}`)},
			{ID: "c", Body: misfiled.Append(nil)},
			{ID: "d", Body: misplaced.Append(nil)},
			{ID: "e", Body: unposted.Append(nil)},
			{ID: "f", Body: unborn.Append(nil)},
		})
	}
	wantFaults(t, d.drain(showAll(post)...), faults{ledger.Corrupt: 4, ledger.Phantom: 2})
}

func TestDamagedMessageIsNotLost(t *testing.T) {
	damaged := func(post ledger.Post, i int) ledger.Seen {
		return ledger.Seen{ID: show(post, i).ID, Body: []byte("?")}
	}
	d := newDesk(ledger.Options{})
	post := d.post(4, 1)
	claim := d.claim("a", at(2, 3), damaged(post, 0))
	if _, _, known := claim.Messages()[0].Number(); known {
		t.Error("a damaged message is known")
	}
	claim.Messages()[0].Deleting(seconds(4), claim).Confirmed(seconds(5))
	d.w.Popped(d.q, at(6, 7), []ledger.Seen{damaged(post, 1)})
	for _, m := range d.w.Got(d.q, at(8, 9), []ledger.Seen{damaged(post, 2)}) {
		m.Deleting(seconds(10), nil).Unsure()
	}
	v := d.drain(damaged(post, 3))
	wantFaults(t, v, faults{ledger.Corrupt: 4})
	if v.Deleted != 1 || v.Popped != 1 || v.UnsureGone != 1 || v.Leftover != 1 {
		t.Errorf("the fates are wrong: %s", v.Report())
	}
}

func TestAnotherProjectsMessage(t *testing.T) {
	d := newDesk(ledger.Options{})
	post := d.post(3, 1)
	other := d.l.Queue("p2", "q")
	d.l.Observer(other, ledger.Observing{}).Page(at(2, 3), showAll(post)[:1])
	d.w.Popped(other, at(4, 5), showAll(post)[1:2])
	claim := d.w.Claimed(ledger.Claiming{Queue: other, ID: "a", TTL: time.Minute, Call: at(6, 7)}, showAll(post)[2:])
	claim.Messages()[0].Deleting(seconds(8), claim).Confirmed(seconds(9))
	drain(d.l, other)
	v := d.drain(show(post, 0))
	wantFaults(t, v, faults{ledger.Corrupt: 3})
	if v.Popped != 1 || v.Deleted != 1 || v.Leftover != 1 {
		t.Errorf("the fates are wrong: %s", v.Report())
	}
}

func TestCopies(t *testing.T) {
	for _, shownFirst := range []bool{false, true} {
		d := newDesk(ledger.Options{})
		post := d.sending(1, 1)
		copied := ledger.Seen{ID: "copy", Body: show(post, 0).Body}
		if shownFirst {
			d.claim("a", at(1.1, 1.2), copied)
		}
		post.Confirmed(ids(post), seconds(2))
		claim := d.claim("b", at(3, 4), copied)
		claim.Messages()[0].Deleting(seconds(5), claim).Confirmed(seconds(6))
		left := []ledger.Seen{show(post, 0)} // the copy's delete says nothing of the message itself
		want := ledger.Verdict{Leftover: 1}
		if shownFirst { // and if it is gone, too, nobody can say which
			left, want = nil, ledger.Verdict{UnsureGone: 1}
		}
		v := d.drain(left...)
		wantFaults(t, v, faults{ledger.Phantom: 1})
		if v.Leftover != want.Leftover || v.UnsureGone != want.UnsureGone {
			t.Errorf("the message has another fate: %s", v.Report())
		}
	}
}

func TestRefusedPostAppears(t *testing.T) {
	for _, late := range []bool{false, true} {
		d := newDesk(ledger.Options{})
		post := d.sending(1, 1)
		o := d.l.Observer(d.q, ledger.Observing{})
		if late {
			o.Page(at(1.2, 1.3), showAll(post))
			post.Refused(seconds(2))
		} else {
			post.Refused(seconds(2))
			o.Page(at(2.2, 2.3), showAll(post))
		}
		v := d.drain()
		wantFaults(t, v, faults{ledger.Phantom: 1})
		if v.Appeared() != 0 {
			t.Errorf("a phantom is in the books: %s", v.Identity())
		}
	}
}

func TestOrder(t *testing.T) {
	for _, test := range []struct {
		name   string
		shown  func(d *desk) (first, second ledger.Seen)
		fault  bool
		worker bool  // it is a fault to a worker, too
		missed int64 // others that the observer was never shown
	}{
		{"two posts", func(d *desk) (_, _ ledger.Seen) { a, b := d.post(1, 1), d.post(1, 2); return show(b, 0), show(a, 0) }, true, true, 0},
		{"one post", func(d *desk) (_, _ ledger.Seen) { a := d.post(2, 1); return show(a, 1), show(a, 0) }, true, true, 0},
		{"one unsure post", func(d *desk) (_, _ ledger.Seen) { a := d.sending(2, 1); return show(a, 1), show(a, 0) }, true, true, 0},
		{"posts at the same time", func(d *desk) (_, _ ledger.Seen) {
			a, b := d.sending(1, 1), d.sending(1, 1.1)
			a.Confirmed(ids(a), seconds(2))
			b.Confirmed(ids(b), seconds(2))
			return show(b, 0), show(a, 0)
		}, false, false, 0},
		{"a post between that came after both", func(d *desk) (_, _ ledger.Seen) {
			a, b := d.sending(1, 1), d.sending(1, 1.1)
			a.Confirmed(ids(a), seconds(2))
			b.Confirmed(ids(b), seconds(2))
			d.post(1, 3)
			c := d.post(1, 4)
			return show(c, 0), show(a, 0)
		}, true, true, 2},
		{"an unsure post that came late", func(d *desk) (_, _ ledger.Seen) {
			a := d.sending(1, 1)
			a.Unsure()
			return show(d.post(1, 2), 0), show(a, 0)
		}, false, false, 0},
		{"another producer's", func(d *desk) (_, _ ledger.Seen) {
			a := d.post(1, 1)
			d.p = d.l.Producer()
			return show(d.post(1, 2), 0), show(a, 0)
		}, false, false, 0},
		{"a message that was hidden", func(d *desk) (_, _ ledger.Seen) {
			a := d.p.Post(ledger.Posting{Queue: d.q, Messages: 1, TTL: time.Hour, Delayed: true, Intended: seconds(1)})
			a.Confirmed(ids(a), seconds(2))
			return show(d.post(1, 3), 0), show(a, 0)
		}, true, false, 0},
		{"a message that was taken before", func(d *desk) (_, _ ledger.Seen) {
			a := d.post(1, 1)
			c := d.l.Worker("another").Claimed(ledger.Claiming{Queue: d.q, ID: "x", TTL: time.Second, Call: at(2, 3)}, showAll(a))
			c.Releasing(seconds(4))
			c.Released(seconds(5))
			return show(d.post(1, 6), 0), show(a, 0)
		}, true, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(ledger.Options{})
			first, second := test.shown(d)
			o := d.l.Observer(d.q, ledger.Observing{Claimed: true})
			o.Page(at(50, 51), []ledger.Seen{first})
			o.Page(at(52, 53), []ledger.Seen{second})
			want := faults{}
			if test.fault {
				want[ledger.Reordered] = 1
			}
			if test.missed > 0 {
				want[ledger.Missed] = test.missed
			}
			wantFaults(t, d.l.Verdict(), want)
		})
		t.Run(test.name+", to a worker", func(t *testing.T) {
			d := newDesk(ledger.Options{})
			first, second := test.shown(d)
			d.claim("a", at(50, 51), first)
			d.claim("b", at(52, 53), second)
			want := faults{}
			if test.worker {
				want[ledger.Reordered] = 1
			}
			wantFaults(t, d.l.Verdict(), want)
		})
	}
}

func TestOrderOfObserverIsNotExplainedByTakes(t *testing.T) {
	d := newDesk(ledger.Options{})
	a, b := d.post(1, 1), d.post(1, 2)
	d.l.Observer(d.q, ledger.Observing{Claimed: true}).Page(at(3, 4), []ledger.Seen{show(b, 0), show(a, 0)})
	d.claim("a", at(2.6, 5), showAll(a)...)
	wantFaults(t, d.l.Verdict(), faults{ledger.Reordered: 1})
}

func TestOrderOfAnswersAtTheSameTime(t *testing.T) {
	d := newDesk(ledger.Options{})
	a, b := d.post(1, 1), d.post(1, 2)
	d.claim("b", at(4, 6), show(b, 0))
	d.claim("a", at(5, 7), show(a, 0))
	wantFaults(t, d.l.Verdict(), faults{})
}

func TestOrderWithUnansweredClaims(t *testing.T) {
	d := newDesk(ledger.Options{})
	a, b := d.post(1, 1), d.post(1, 2)
	d.q.ClaimUnsure(seconds(3), time.Second) // may have had a for a second
	d.claim("b", at(4, 5), show(b, 0))
	d.claim("a", at(6, 7), show(a, 0))
	wantFaults(t, d.l.Verdict(), faults{})
}

func TestWhatIsNotPromisedIsCounted(t *testing.T) {
	d := newDesk(ledger.Options{NotFIFO: true, NotAllOrNone: true})
	a, b, c := d.post(1, 1), d.post(3, 2), d.post(1, 3)
	d.claim("c", at(4, 5), show(c, 0))
	d.claim("a", at(6, 7), show(a, 0))
	o := d.l.Observer(d.q, ledger.Observing{Claimed: true})
	o.Page(at(8, 9), []ledger.Seen{show(c, 0), show(b, 1), show(a, 0)})
	v := d.drain(append(showAll(b), show(a, 0), show(c, 0))...)
	wantFaults(t, v, faults{})
	if v.Excused[ledger.Reordered] != 4 || v.Excused[ledger.Torn] != 1 || v.Farthest != 4 {
		t.Errorf("excused are %v, at most %d far, want 4 reordered by at most 4, and 1 torn", v.Excused, v.Farthest)
	}
}

func TestMissed(t *testing.T) {
	for _, test := range []struct {
		name    string
		claimed bool // the observer is shown claimed messages
		before  func(d *desk, a ledger.Post)
		after   func(d *desk, a ledger.Post)
		fault   bool
	}{
		{name: "untouched", fault: true},
		{name: "deleted before", before: func(d *desk, a ledger.Post) { a.Message(0).Deleting(seconds(4), nil) }},
		{name: "deleted after", after: func(d *desk, a ledger.Post) { a.Message(0).Deleting(seconds(30), nil) }, fault: true},
		{name: "claimed before", before: func(d *desk, a ledger.Post) { d.claim("x", at(4, 5), showAll(a)...) }},
		{name: "claimed before, and said late", after: func(d *desk, a ledger.Post) { d.claim("x", at(4, 25), showAll(a)...) }},
		{name: "claimed before, and perhaps still, and again after", before: func(d *desk, a ledger.Post) {
			d.claim("x", at(4, 5), showAll(a)...)
			d.claim("y", at(24, 25), showAll(a)...)
		}},
		{name: "claimed, but shown then, too, and said late", claimed: true, after: func(d *desk, a ledger.Post) { d.claim("x", at(4, 25), showAll(a)...) }, fault: true},
		{name: "claimed after", after: func(d *desk, a ledger.Post) { d.claim("x", at(24, 25), showAll(a)...) }, fault: true},
		{name: "claimed, but shown then, too", claimed: true, before: func(d *desk, a ledger.Post) { d.claim("x", at(4, 5), showAll(a)...) }, fault: true},
		{name: "popped before, and said late", claimed: true, after: func(d *desk, a ledger.Post) { d.w.Popped(d.q, at(4, 25), showAll(a)) }},
		{name: "perhaps popped", claimed: true, after: func(d *desk, a ledger.Post) { d.q.PopUnsure(seconds(6), 1) }},
		{name: "perhaps popped after", claimed: true, after: func(d *desk, a ledger.Post) { d.q.PopUnsure(seconds(26), 1) }, fault: true},
		{name: "perhaps claimed", after: func(d *desk, a ledger.Post) { d.q.ClaimUnsure(seconds(6), time.Second) }},
		{name: "perhaps claimed, but shown then, too", claimed: true, after: func(d *desk, a ledger.Post) { d.q.ClaimUnsure(seconds(6), time.Second) }, fault: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(ledger.Options{})
			d.post(1, 0)
			a, b := d.post(1, 1), d.post(1, 2)
			if test.before != nil {
				test.before(d, a)
			}
			o := d.l.Observer(d.q, ledger.Observing{Claimed: test.claimed})
			o.Page(at(10, 11), nil)
			o.Page(at(12, 13), []ledger.Seen{show(b, 0)})
			if test.after != nil {
				test.after(d, a)
			}
			v := d.l.Verdict()
			want := faults{ledger.Missed: 1} // the first post
			if test.fault {
				want[ledger.Missed]++
			}
			if v.Faults[ledger.Missed] == 0 && !test.fault { // what explains the one may explain the other
				want = faults{}
			}
			wantFaults(t, v, want)
		})
	}
}

func TestNotMissedWhenItWasPopped(t *testing.T) {
	d := newDesk(ledger.Options{})
	a, b := d.post(1, 0), d.post(1, 1)
	claim := d.claim("a", at(2, 3), showAll(a)...)
	claim.Messages()[0].Deleting(seconds(17), claim).Confirmed(seconds(18)) // when it had been popped
	d.w.Popped(d.q, at(14, 20), showAll(a))
	d.l.Observer(d.q, ledger.Observing{Claimed: true}).Page(at(15, 16), showAll(b))
	wantFaults(t, d.l.Verdict(), faults{})
}

func TestNotMissedBeforeItsAnswer(t *testing.T) {
	d := newDesk(ledger.Options{})
	a, b := d.sending(1, 1), d.sending(1, 2)
	b.Confirmed(ids(b), seconds(3))
	o := d.l.Observer(d.q, ledger.Observing{})
	o.Page(at(4, 5), showAll(b)) // a may stand behind it
	a.Confirmed(ids(a), seconds(6))
	d.post(1, 8)
	o.Page(at(8.2, 20), append(showAll(a), showAll(d.post(1, 9))...)) // the post before was answered after the page was asked for
	wantFaults(t, d.l.Verdict(), faults{})
	o.Page(at(21, 22), showAll(d.post(1, 10)))
	wantFaults(t, d.l.Verdict(), faults{})
}

// Who is told that there is nothing more was not shown the last messages, if they were confirmed when he asked.
func TestMissedAtTheEnd(t *testing.T) {
	d := newDesk(ledger.Options{})
	o := d.l.Observer(d.q, ledger.Observing{})
	o.Page(at(2, 3), showAll(d.post(1, 0)))
	d.post(2, 4)
	late := d.sending(1, 9)
	o.Done(at(8, 12))
	late.Confirmed(ids(late), seconds(10))
	wantFaults(t, d.l.Verdict(), faults{ledger.Missed: 2})

	d = newDesk(ledger.Options{})
	o = d.l.Observer(d.q, ledger.Observing{})
	d.post(1, 0)
	o.Done(at(2, 3)) // the first page had nothing
	wantFaults(t, d.l.Verdict(), faults{ledger.Missed: 1})

	d = newDesk(ledger.Options{})
	o = d.l.Observer(d.q, ledger.Observing{})
	o.Page(at(2, 3), showAll(d.post(2, 0)))
	o.Done(at(4, 5))
	wantFaults(t, d.l.Verdict(), faults{})
}

// A message whose post overlaps that of the next one shown may stand behind that, but not behind one that was sent later; and it has to
// stand somewhere, also if its own post was not answered yet when it was passed by.
func TestMissedBehindAnOverlappingPost(t *testing.T) {
	for name, test := range map[string]struct {
		late  bool // answered after the page on which it was passed by
		shown bool // after all
		end   bool // nothing more comes; else a later one
		fault bool
	}{
		"for good":                             {fault: true},
		"for now":                              {shown: true},
		"for good, to the end":                 {end: true, fault: true},
		"for now, to the end":                  {shown: true, end: true},
		"for good, answered later":             {late: true, fault: true},
		"for now, answered later":              {late: true, shown: true},
		"for good, answered later, to the end": {late: true, end: true, fault: true},
		"for now, answered later, to the end":  {late: true, shown: true, end: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(ledger.Options{})
			a, b := d.sending(1, 1), d.sending(1, 2)
			b.Confirmed(ids(b), seconds(3))
			if !test.late {
				a.Confirmed(ids(a), seconds(4))
			}
			o := d.l.Observer(d.q, ledger.Observing{})
			o.Page(at(5, 6), showAll(b))
			if test.late {
				a.Confirmed(ids(a), seconds(6.5))
			}
			if test.shown {
				o.Page(at(7, 8), showAll(a))
			}
			wantFaults(t, d.l.Verdict(), faults{})
			if test.end {
				o.Done(at(11, 12))
			} else {
				o.Page(at(11, 12), showAll(d.post(1, 9)))
			}
			want := faults{}
			if test.fault {
				want[ledger.Missed] = 1
			}
			wantFaults(t, d.l.Verdict(), want)
		})
	}
}

// Nobody is shown what is his own, if he has asked not to be.
func TestOnesOwnAreNotMissed(t *testing.T) {
	d := newDesk(ledger.Options{})
	other := d.l.Producer()
	theirs := other.Post(ledger.Posting{Queue: d.q, Messages: 1, TTL: time.Hour, Intended: seconds(1)})
	theirs.Confirmed(ids(theirs), seconds(1.5))
	d.post(1, 1)
	d.l.Observer(d.q, ledger.Observing{Without: d.p}).Done(at(2, 3))
	wantFaults(t, d.l.Verdict(), faults{ledger.Missed: 1})
}

func TestTorn(t *testing.T) {
	page := func(d *desk, what ...ledger.Seen) *ledger.Observer {
		o := d.l.Observer(d.q, ledger.Observing{Claimed: true})
		o.Page(at(10, 11), what)
		return o
	}
	t.Run("a page may end inside a post", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		a := d.post(3, 1)
		page(d, show(a, 0)).Page(at(12, 13), []ledger.Seen{show(a, 1), show(a, 2), show(d.post(1, 2), 0)})
		wantFaults(t, d.l.Verdict(), faults{})
	})
	for name, missing := range map[string][]int{"the end": {0, 1}, "the middle": {0, 2}, "the beginning": {1, 2}} {
		t.Run(name+" is missing", func(t *testing.T) {
			d := newDesk(ledger.Options{})
			a, b := d.post(3, 1), d.post(1, 2)
			o := page(d, show(a, missing[0]), show(a, missing[1]))
			wantFaults(t, d.l.Verdict(), faults{})
			o.Page(at(12, 13), showAll(b))
			wantFaults(t, d.l.Verdict(), faults{ledger.Torn: 1})
		})
	}
	t.Run("a part of an unsure post", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		a := d.sending(3, 1)
		a.Unsure()
		wantFaults(t, d.drain(show(a, 0)), faults{ledger.Torn: 1})
	})
	t.Run("what is missing was deleted", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		a, b := d.post(2, 1), d.post(1, 2)
		a.Message(1).Deleting(seconds(9), nil)
		page(d, show(a, 0), show(b, 0))
		wantFaults(t, d.l.Verdict(), faults{})
	})
	t.Run("what is missing is lost", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		a := d.post(2, 1)
		wantFaults(t, d.drain(show(a, 0)), faults{ledger.Lost: 1})
	})
}

func TestOverdue(t *testing.T) {
	for _, test := range []struct {
		name  string
		claim float64 // when it was claimed for ten seconds, with a grace of two; 0: never
		late  bool    // the claim is reported late
		shown float64
		fault bool
	}{
		{name: "in time", shown: 6},
		{name: "a second late", shown: 7.4},
		{name: "more than a second late", shown: 7.6, fault: true},
		{name: "prolonged by a claim", claim: 4, shown: 17},
		{name: "prolonged by a claim that is reported late", claim: 4, late: true, shown: 17},
		{name: "after what a claim that is reported late prolonged", claim: 4, late: true, shown: 18.6, fault: true},
		{name: "after what a claim prolonged", claim: 4, shown: 18.6, fault: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(ledger.Options{})
			post := d.p.Post(ledger.Posting{Queue: d.q, Messages: 1, TTL: 5 * time.Second, Intended: seconds(1)})
			post.Confirmed(ids(post), seconds(1.5))
			claim := func() {
				d.w.Claimed(ledger.Claiming{Queue: d.q, ID: "a", TTL: 10 * time.Second, Grace: 2 * time.Second, Call: at(test.claim, test.claim+1)}, showAll(post))
			}
			if test.claim > 0 && !test.late {
				claim()
			}
			d.w.Got(d.q, at(test.shown, test.shown+1), showAll(post))
			if test.late {
				claim()
			}
			want := faults{}
			if test.fault {
				want[ledger.Overdue] = 1
			}
			v := d.drain()
			wantFaults(t, v, want)
			if v.Expired != 1 {
				t.Errorf("the message has another fate: %s", v.Report())
			}
		})
	}
}

func TestOverdueAfterManyClaims(t *testing.T) {
	long := func(d *desk, post ledger.Post) *ledger.Claim {
		return d.w.Claimed(ledger.Claiming{Queue: d.q, ID: "a", TTL: 10 * time.Second, Grace: 20 * time.Second, Call: at(4, 5)}, showAll(post))
	}
	short := func(d *desk, post ledger.Post) *ledger.Claim {
		return d.w.Claimed(ledger.Claiming{Queue: d.q, ID: "b", TTL: time.Second, Call: at(15, 16)}, showAll(post))
	}
	for name, claims := range map[string]func(d *desk, post ledger.Post){
		"one after the other": func(d *desk, post ledger.Post) { long(d, post); short(d, post) },
		"the first said late": func(d *desk, post ledger.Post) { short(d, post); long(d, post) },
		"an update that may be": func(d *desk, post ledger.Post) {
			c := d.w.Claimed(ledger.Claiming{Queue: d.q, ID: "c", TTL: time.Second, Call: at(4, 5)}, showAll(post))
			c.Updating(seconds(4.5), seconds(19), 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(ledger.Options{})
			post := d.p.Post(ledger.Posting{Queue: d.q, Messages: 1, TTL: 5 * time.Second, Intended: seconds(1)})
			post.Confirmed(ids(post), seconds(1.5))
			claims(d, post)
			d.w.Got(d.q, at(34, 35), showAll(post))
			wantFaults(t, d.l.Verdict(), faults{})
		})
	}
}

func TestUpdates(t *testing.T) {
	const again = 20 // a second claim, where the first would have ended at 12 and its updates end at 26
	for _, test := range []struct {
		name   string
		update func(c *ledger.Claim)
		fault  bool
	}{
		{"none", func(*ledger.Claim) {}, false},
		{"confirmed", func(c *ledger.Claim) { c.Updating(seconds(6), seconds(20), 0); c.Updated(seconds(7)) }, true},
		{"refused", func(c *ledger.Claim) { c.Updating(seconds(6), seconds(20), 0); c.UpdateRefused(seconds(7)) }, false},
		{"unsure", func(c *ledger.Claim) { c.Updating(seconds(6), seconds(20), 0) }, false},
		{"confirmed, after an unsure one that may follow it and is shorter", func(c *ledger.Claim) {
			c.Updating(seconds(4), seconds(1), 0)
			c.Updating(seconds(6), seconds(20), 0)
			c.Updated(seconds(7))
		}, false},
		{"shorter", func(c *ledger.Claim) { c.Updating(seconds(6), seconds(2), 0); c.Updated(seconds(7)) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(ledger.Options{})
			post := d.post(1, 1)
			test.update(d.claim("a", at(2, 3), showAll(post)...))
			d.claim("b", at(again, again+1), showAll(post)...)
			want := faults{}
			if test.fault {
				want[ledger.Overlapped] = 1
			}
			wantFaults(t, d.l.Verdict(), want)
		})
	}
}

func TestRefusedUpdateEndsAClaim(t *testing.T) {
	for sent, want := range map[float64]faults{6.5: {ledger.Overlapped: 1}, 7.5: {}} {
		d := newDesk(ledger.Options{})
		post := d.post(1, 1)
		c := d.claim("a", at(2, 3), showAll(post)...)
		c.Updating(seconds(4), seconds(20), 0)
		if sent > 7 {
			c.UpdateRefused(seconds(7))
		}
		d.claim("b", at(sent, sent+0.3), showAll(post)...)
		wantFaults(t, d.l.Verdict(), want)
	}
}

func TestDeadLetters(t *testing.T) {
	dead := func(post ledger.Post, i int) ledger.Seen {
		return ledger.Seen{ID: "dead-" + show(post, i).ID, Body: show(post, i).Body}
	}
	d := newDesk(ledger.Options{})
	letters := d.l.Queue("p", "letters")
	d.q.DeadLetters(letters, 100*time.Second)
	post := d.post(5, 1)
	d.claim("a", at(2, 3), showAll(post)...)
	o := d.l.Observer(letters, ledger.Observing{Claimed: true})
	o.Page(at(20, 21), []ledger.Seen{dead(post, 1), dead(post, 0), dead(post, 2), dead(post, 3)})
	d.w.Got(d.q, at(19, 22), showAll(post)[:1]) // for a moment it may be in both
	claim := d.w.Claimed(ledger.Claiming{Queue: letters, ID: "b", TTL: time.Minute, Call: at(22, 23)}, []ledger.Seen{dead(post, 1)})
	claim.Messages()[0].Deleting(seconds(24), claim).Confirmed(seconds(25))
	if v := d.drain(show(post, 4)); v.Undecided != 2 && v.Undecided != 3 {
		t.Errorf("before the dead letters are drained: %s", v.Report())
	}
	drain(d.l, letters, dead(post, 0))
	v := d.l.Verdict()
	if !v.OK() || v.Deleted != 1 || v.Leftover != 2 || v.Expired != 2 {
		t.Errorf("with dead letters: %s", v.Report())
	}
	late := d.p.Post(ledger.Posting{Queue: d.q, Messages: 1, TTL: 5 * time.Second, Intended: seconds(1)})
	d.w.Got(letters, at(20, 21), []ledger.Seen{dead(late, 0)}) // lives anew there, under another ID
	late.Confirmed(ids(late), seconds(1.5))
	d.w.Got(letters, at(22, 23), []ledger.Seen{dead(late, 0)})
	wantFaults(t, d.l.Verdict(), faults{})
	d.w.Got(letters, at(1010, 1011), []ledger.Seen{dead(post, 1)})
	wantFaults(t, d.l.Verdict(), faults{ledger.Resurrected: 1})
}

func TestDeletes(t *testing.T) {
	t.Run("one refused says nothing of another", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		post := d.post(1, 1)
		first := post.Message(0).Deleting(seconds(2), nil)
		post.Message(0).Deleting(seconds(3), nil).Unsure()
		first.Refused(seconds(4))
		if v := d.drain(); !v.OK() || v.UnsureGone != 1 {
			t.Errorf("an unsure delete beside a refused one: %s", v.Report())
		}
	})
	t.Run("refused", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		d.post(1, 1).Message(0).Deleting(seconds(2), nil).Refused(seconds(3))
		wantFaults(t, d.drain(), faults{ledger.Lost: 1})
	})
	t.Run("shown before the delete is known to have succeeded, but sent after", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		post := d.post(1, 1)
		deletion := post.Message(0).Deleting(seconds(2), nil)
		d.w.Got(d.q, at(4, 5), showAll(post))
		deletion.Confirmed(seconds(3))
		wantFaults(t, d.drain(), faults{ledger.Resurrected: 1})
	})
	t.Run("anyway, under a claim of which is told late", func(t *testing.T) {
		d := newDesk(ledger.Options{})
		post := d.post(1, 1)
		post.Message(0).DeletingAnyway(seconds(4)).Confirmed(seconds(5))
		d.claim("a", at(2, 6), showAll(post)...)
		if v := d.drain(); !v.OK() || v.Deleted != 1 {
			t.Errorf("a delete of a claimed message: %s", v.Report())
		}
	})
}
