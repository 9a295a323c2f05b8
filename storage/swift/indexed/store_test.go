//go:build unix

package indexed

import (
	"errors"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// weakIndex is an index that promises less than it does.
type weakIndex struct {
	marconi.DataStore
	has marconi.Capability
}

func (x weakIndex) Capabilities() marconi.Capability { return x.has }

func TestWhatNoStoreIsMadeOf(t *testing.T) {
	full := marconi.FIFO | marconi.Claims
	for _, row := range []struct {
		what string
		has  marconi.Capability
		o    Options
		good bool
	}{
		{"nothing special", full, Options{}, true},
		{"an index without order", marconi.Claims | marconi.Durable, Options{}, false},
		{"an index without claims", marconi.FIFO, Options{}, false},
		{"a prefix with a slash", full, Options{Prefix: "a/b"}, false},
		{"too many containers", full, Options{Containers: 5000}, false},
		{"a negative number of them", full, Options{Containers: -1}, false},
		{"a negative size", full, Options{InlineBelow: -1}, false},
		{"a negative cache", full, Options{CacheBytes: -1}, false},
		{"no requests at once", full, Options{Parallel: -1}, false},
	} {
		s, err := New(swifttest.NewMemory(swifttest.Options{}), weakIndex{indexInMemory(t), row.has}, row.o)
		if (err == nil) != row.good {
			t.Errorf("New of %s: %v, want it to be good: %v", row.what, err, row.good)
		}
		if err == nil {
			err = s.Close()
		}
		if row.good && err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// Order, claims and what a crash leaves are the index's; to be made for many small operations is not Swift's.
func TestCapabilitiesAreTheIndexs(t *testing.T) {
	all := marconi.FIFO | marconi.Claims | marconi.Durable | marconi.AtLeastOnce | marconi.HighThroughput | marconi.Polls
	for _, has := range []marconi.Capability{all, marconi.FIFO | marconi.Claims} {
		s, err := New(swifttest.NewMemory(swifttest.Options{}), weakIndex{indexInMemory(t), has}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.Capabilities(), has&^marconi.HighThroughput; got != want {
			t.Errorf("over an index with %b the store has %b, want %b", has, got, want)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Errorf("Close, twice: %v", err)
		}
	}
}

// A ping is answered by both.
func TestPing(t *testing.T) {
	f := newFixture(t, Options{})
	if err := f.Ping(f.ctx()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	f.swift.FailAll(swifttest.Ping, swifttest.Refused)
	wantUnavailable(t, "Ping without Swift", f.Ping(f.ctx()))
}
