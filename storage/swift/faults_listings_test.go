//go:build unix

package swift_test

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// TestLateListings has listings that are seconds late.
func TestLateListings(t *testing.T) {
	s := newTroubled(t, testservices.SwiftOptions{})
	for _, d := range designs {
		t.Run(d.name, func(t *testing.T) {
			const lag = 2 * time.Second
			s.Plan(faultproxy.LateListings(lag))
			defer s.Plan(nil)
			t.Run("an observer misses nothing", func(t *testing.T) { observeLate(t, s, d, lag) })
			t.Run("nothing confirmed is lost", func(t *testing.T) {
				c := &clock{}
				m := newMill(t, d.open(t, s, c, patient), s.queue())
				m.run()
				time.Sleep(lag)
				c.pass(2 * time.Minute)
				m.drain()
				m.judge(d.name != "alone")
			})
		})
	}
}

// observeLate pages behind a producer. What it is shown twice is counted; with an index nothing may be.
func observeLate(t *testing.T, s *troubled, d design, lag time.Duration) {
	const posts, horizon = 20, 5 * time.Second // which is that of a store that was told of none
	stores, q := d.open(t, s, &clock{}, patient), s.queue()
	var ended atomic.Pointer[time.Time]
	var producer sync.WaitGroup
	producer.Go(func() {
		for i := range posts {
			if _, err := stores[0].Post(t.Context(), q, numbered(i, 1)); err != nil {
				t.Errorf("post: %v", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		now := time.Now()
		ended.Store(&now)
	})
	defer producer.Wait()
	shown := map[string]int{}
	l := marconi.Listing{Limit: 4, Echo: true}
	for {
		end := ended.Load()
		page, err := stores[1].List(t.Context(), q, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range bodiesOf(page.Items) {
			shown[body]++
		}
		l.Marker = cmp.Or(page.Next, l.Marker)
		if len(page.Items) == 0 {
			if end != nil && time.Since(*end) > lag+horizon {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	twice := 0
	for _, n := range shown {
		twice += n - 1
	}
	t.Logf("%d messages shown, %d of them once more", len(shown), twice)
	if len(shown) != posts {
		t.Errorf("of %d messages the observer was shown %v", posts, slices.Sorted(maps.Keys(shown)))
	}
	if d.name != "alone" && twice > 0 {
		t.Errorf("%d messages were shown twice", twice)
	}
}
