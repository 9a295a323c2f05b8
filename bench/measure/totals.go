package measure

import "time"

// Totals are what became of one kind of operation.
type Totals struct {
	Offered  int64 // wanted by the schedule
	Sent     int64
	Achieved int64 // answered with success
	Messages int64 // that those carried
	Bytes    int64 // of their bodies

	Errors   map[Class]int64 // of what was intended, whenever it failed; as all that follows
	Service  *Histogram      // of those achieved, as Response
	Response *Histogram
	PacerLag *Histogram // of all that were sent, as QueueLag
	QueueLag *Histogram
	Cut      *Histogram // response times so far, of those that timed out or were never sent
}

func newTotals() *Totals {
	return &Totals{
		Errors: map[Class]int64{}, Service: NewHistogram(), Response: NewHistogram(), PacerLag: NewHistogram(),
		QueueLag: NewHistogram(),
	}
}

// All are the response times with those of operations that timed out or were never sent, by their time so far.
func (t *Totals) All() *Histogram {
	all := NewHistogram()
	all.Merge(t.Response)
	all.Merge(t.Cut)
	return all
}

// record takes the times of an operation.
func (t *Totals) record(s Sample) {
	t.PacerLag.Record(s.Woke - s.Intended)
	t.QueueLag.Record(s.Sent - s.Woke)
	response := s.Answered - s.Intended
	switch s.Class {
	case OK:
		t.Service.Record(s.Answered - s.Sent)
		t.Response.Record(response)
	case Timeout:
		t.Errors[s.Class]++
		t.cut(response)
	default:
		t.Errors[s.Class]++
	}
}

func (t *Totals) cut(response time.Duration) {
	if t.Cut == nil {
		t.Cut = NewHistogram()
	}
	t.Cut.Record(response)
}

// merge adds the times of other totals.
func (t *Totals) merge(o *Totals) {
	t.Service.Merge(o.Service)
	t.Response.Merge(o.Response)
	t.PacerLag.Merge(o.PacerLag)
	t.QueueLag.Merge(o.QueueLag)
	for class, n := range o.Errors {
		t.Errors[class] += n
	}
	if o.Cut != nil {
		if t.Cut == nil {
			t.Cut = NewHistogram()
		}
		t.Cut.Merge(o.Cut)
	}
}

// count adds the counts of a second.
func (t *Totals) count(c Counts) {
	t.Offered += c.Offered
	t.Sent += c.Sent
	t.Achieved += c.Achieved
	t.Messages += c.Messages
	t.Bytes += c.Bytes
}
