package memory

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func TestConcerns(t *testing.T) {
	mine := marconi.Interest{Client: "me"}
	echo := marconi.Interest{Client: "me", Echo: true}
	claimed := marconi.Interest{Client: "me", IncludeClaimed: true}
	delayed := marconi.Interest{Client: "me", IncludeDelayed: true}
	for _, c := range []struct {
		what                         event
		mine, echo, claimed, delayed bool
	}{
		{event{"other", posted}, true, true, true, true},
		{event{"me", posted}, false, true, false, false},
		{event{"other", postedDelayed}, false, false, false, true},
		{event{"me", postedDelayed}, false, false, false, false},
		{event{"other", released}, true, true, false, true},
		{event{"other", due}, true, true, true, false},
		{event{"me", due}, false, true, false, false},
	} {
		for _, who := range []struct {
			interest marconi.Interest
			want     bool
		}{{mine, c.mine}, {echo, c.echo}, {claimed, c.claimed}, {delayed, c.delayed}} {
			if got := concerns(c.what, who.interest); got != who.want {
				t.Errorf("concerns(%+v, %+v) = %v, want %v", c.what, who.interest, got, who.want)
			}
		}
	}
}

// A queue that is watched and full of messages that end each millisecond must not keep the hub busy.
func TestWhatEndsIsLookedAtTogether(t *testing.T) {
	d, clock := turnedStore(t)
	fill(t, d, 1)
	now := clock.now()
	clock.pass(time.Hour - time.Millisecond)
	if _, next := d.freed(benchRef); next.Before(now.Add(time.Hour + waitAtLeast - time.Millisecond)) {
		t.Errorf("the hub is to ask again at %v, %v from now", next, next.Sub(clock.now()))
	}
}

// A delayed post is nothing to take: its end is.
func TestADelayedPostWakesNobodyWhoTakes(t *testing.T) {
	d := benchStore(t)
	w := d.Watch(benchRef, marconi.Interest{Take: true})
	defer w.Close()
	p := marconi.Post{Client: "c", Messages: []marconi.NewMessage{{TTL: 60, Delay: 1}}}
	start := time.Now()
	if _, err := d.Post(t.Context(), benchRef, p); err != nil {
		t.Fatal(err)
	}
	<-w.C()
	if got := time.Since(start); got < 990*time.Millisecond {
		t.Errorf("woken after %v, want when the delay is over", got)
	}
}
