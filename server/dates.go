package server

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dates are what answers say in Date (RFC 9110, 6.6.1). net/http would write the time out for each of them; it changes once a second.
type dates struct{ last atomic.Pointer[date] }

// A date is a second as a header. Nobody may change it.
type date struct {
	second int64 // Unix time
	header []string
}

// at is the header for a time.
func (d *dates) at(t time.Time) []string {
	second := t.Unix()
	last := d.last.Load()
	if last == nil || last.second != second {
		last = &date{second, []string{t.UTC().Format(http.TimeFormat)}}
		d.last.Store(last)
	}
	return last.header
}
