package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func listingCases() []testCase {
	return []testCase{
		{"fifteen messages are a page of ten and one of five", fifteenMessages},
		{"one's own messages are left out without echo", ownMessagesLeftOut},
		{"client IDs are compared as text", clientsComparedAsText},
		{"claimed messages are hidden unless asked for", claimedAreHidden},
		{"L1 markers rise", markersRise},
		{"L2 a clock that turns back hides nothing", clockTurnsBack},
		{"L3 a marker outlives its message", markerOutlives},
		{"L3 a marker outlives a restart", markerOutlivesRestart},
		{"L4 a garbage marker gives an empty page", garbageMarker},
		{"L4 a marker from another queue is just a position", foreignMarker},
		{"L5 what is filtered out does not end a listing", filteredDoNotEnd},
		{"L6 the last page has a marker for what comes later", lastPageHasMarker},
		{"L7 a page shows what was asked for", pageShowsAskedFor},
	}
}

func fifteenMessages(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 15)...)
	l := marconi.Listing{Limit: marconi.DefaultPage, Echo: true}
	for _, want := range [][]string{labels(1, 10), labels(11, 15), nil} {
		page := q.list(l)
		wantMessages(t, fmt.Sprintf("page behind %q", l.Marker), page.Items, want...)
		l.Marker = page.Next
	}
}

func ownMessagesLeftOut(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 15)...)
	wantBodies(t, "producer's view", q.list(marconi.Listing{Client: producer}).Items)
	wantBodies(t, "producer's view with echo", q.list(marconi.Listing{Client: producer, Echo: true}).Items, labels(1, 15)...)
	wantBodies(t, "observer's view", q.list(marconi.Listing{Client: observer}).Items, labels(1, 15)...)
}

func clientsComparedAsText(t *testing.T, r *rig) {
	q := r.queue(t)
	clients := []marconi.ClientID{"free text, ä", "free text, Ä", "FREE TEXT, ä", "free text, a", "0123456789", "0123456789 ", "{0123456789}"}
	for _, c := range clients {
		q.postBy(c, message(longTTL, "by someone"))
	}
	for i, c := range clients {
		got := q.list(marconi.Listing{Client: c}).Items
		for _, m := range got {
			if m.Client == c {
				t.Errorf("client %q was shown its own message", c)
			}
		}
		if len(got) != len(clients)-1 {
			t.Errorf("client %q was shown %d messages, want the %d of others", c, len(got), len(clients)-1)
		}
		if all := q.list(marconi.Listing{Echo: true}).Items; all[i].Client != c {
			t.Errorf("message %d is by %q, want %q", i, all[i].Client, c)
		}
	}
}

func claimedAreHidden(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 12)...)
	q.claim(60, 10)
	wantBodies(t, "without claimed ones", q.list(marconi.Listing{}).Items, "11", "12")
	wantBodies(t, "with claimed ones", q.list(marconi.Listing{IncludeClaimed: true}).Items, labels(1, 12)...)
}

// markersRise cannot compare markers, which are opaque. It asks behind each marker of a listing in pages of one: what
// comes must be the rest, exactly.
func markersRise(t *testing.T, r *rig) {
	q := r.queue(t)
	want := labels(1, 6)
	q.post(want...)
	l := marconi.Listing{Limit: 1, Echo: true}
	for i := range want {
		page := q.list(l)
		wantMessages(t, fmt.Sprintf("page %d", i+1), page.Items, want[i])
		l.Marker = page.Next
		rest := q.list(marconi.Listing{Marker: l.Marker})
		wantBodies(t, fmt.Sprintf("everything behind page %d", i+1), rest.Items, want[i+1:]...)
	}
}

func clockTurnsBack(t *testing.T, r *rig) {
	r.needTurnedClock(t)
	q := r.queue(t)
	ids := q.post("before")
	page := q.list(marconi.Listing{})
	r.clock.turnBack(time.Hour)
	defer r.pass(t, time.Hour)
	ids = append(ids, q.post("after")...)
	if ids[0] == ids[1] {
		t.Errorf("both messages have ID %s", ids[0])
	}
	wantBodies(t, "behind the marker", q.list(marconi.Listing{Marker: page.Next}).Items, "after")
	q.wantAll("before", "after")
}

func markerOutlives(t *testing.T, r *rig) {
	for _, c := range []struct {
		name   string
		remove func(q *queue, ids []marconi.MessageID)
		want   []string
	}{
		{"deleted", func(q *queue, ids []marconi.MessageID) { q.delete(ids[2], "") }, labels(4, 6)},
		{"deleted with its neighbours", func(q *queue, ids []marconi.MessageID) { q.deleteMessages(ids[1:4]) }, labels(5, 6)},
		{"popped", func(q *queue, _ []marconi.MessageID) { q.pop(3) }, labels(4, 6)},
		{"claimed", func(q *queue, _ []marconi.MessageID) { q.claim(60, 3) }, labels(4, 6)},
		{"expired", func(q *queue, _ []marconi.MessageID) { r.pass(q.t, 30*time.Second) }, labels(4, 6)},
		{"deleted with all others", func(q *queue, ids []marconi.MessageID) { q.deleteMessages(ids) }, labels(6, 6)},
		{"purged", func(q *queue, _ []marconi.MessageID) { q.purge() }, labels(6, 6)},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := r.queue(t)
			ids := append(q.postLiving(30, "1", "2", "3"), q.post("4", "5")...)
			page := q.list(marconi.Listing{Limit: 3})
			c.remove(q, ids)
			q.post("6")
			wantBodies(t, "behind message 3", q.list(marconi.Listing{Marker: page.Next}).Items, c.want...)
		})
	}
}

func markerOutlivesRestart(t *testing.T, r *rig) {
	r.needRestart(t)
	r = r.fresh(t)
	q := r.queue(t)
	q.post("1", "2", "3")
	page := q.list(marconi.Listing{Limit: 3})
	q.pop(3)

	r.restart(t)
	q = r.queueAt(t, q.QueueRef)
	q.post("4")
	wantBodies(t, "behind message 3", q.list(marconi.Listing{Marker: page.Next}).Items, "4")
}

func garbageMarker(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 3)...)
	for _, marker := range []marconi.Marker{
		"non-existent", "'; DROP TABLE messages; --", "\x00", "\xff", "1.5", "-1", "0x10", " 1", "1e3", "99999999999999999999999999",
	} {
		got := q.list(marconi.Listing{Marker: marker, Echo: true})
		wantBodies(t, fmt.Sprintf("page behind %q", marker), got.Items)
	}
}

func foreignMarker(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	q.post("a", "b")
	other.post("x", "y", "z")
	marker := other.list(marconi.Listing{Limit: 2}).Next
	q.post("c")

	got := bodies(q.list(marconi.Listing{Marker: marker}).Items)
	all := []string{"a", "b", "c"}
	for i := range all {
		if fmt.Sprint(got) == fmt.Sprint(all[i:]) {
			return
		}
	}
	if len(got) > 0 {
		t.Errorf("behind another queue's marker: %v, want an end of %v", got, all)
	}
}

// filteredDoNotEnd puts more than any store looks at in one step before the one message that is asked for.
func filteredDoNotEnd(t *testing.T, r *rig) {
	const many = 450
	t.Run("own messages", func(t *testing.T) {
		q := r.queue(t)
		q.post(labels(1, many)...)
		q.postBy(observer, message(longTTL, "other's"))
		q.post(labels(1, many)...)
		wantBodies(t, "producer's view", q.list(marconi.Listing{Client: producer, Limit: 5}).Items, "other's")
	})
	t.Run("claimed messages", func(t *testing.T) {
		q := r.queue(t)
		q.post(labels(1, many)...)
		for range many / 50 {
			q.claim(60, 50)
		}
		q.post("free")
		wantBodies(t, "free messages", q.list(marconi.Listing{Limit: 5}).Items, "free")
	})
	t.Run("delayed messages", func(t *testing.T) {
		q := r.queue(t)
		messages := make([]marconi.NewMessage, many)
		for i := range messages {
			messages[i] = delayed(60, "delayed")
		}
		q.postMessages(append(messages, message(longTTL, "free"))...)
		wantBodies(t, "free messages", q.list(marconi.Listing{Limit: 5}).Items, "free")
	})
	t.Run("expired messages", func(t *testing.T) {
		q := r.queue(t)
		q.postLiving(1, labels(1, many)...)
		q.post("live")
		r.pass(t, time.Second)
		wantBodies(t, "live messages", q.list(marconi.Listing{Limit: 5}).Items, "live")
	})
}

func lastPageHasMarker(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("1", "2")
	page := q.list(marconi.Listing{Limit: 2})
	if later := q.list(marconi.Listing{Marker: page.Next}); len(later.Items) > 0 {
		t.Fatalf("behind the last message: %v, want nothing", bodies(later.Items))
	}
	q.post("3")
	later := q.list(marconi.Listing{Marker: page.Next})
	wantMessages(t, "behind the last page, after another post", later.Items, "3")
	wantBodies(t, "behind that", q.list(marconi.Listing{Marker: later.Next}).Items)
}

// pageShowsAskedFor tries every combination of what a listing can leave out.
func pageShowsAskedFor(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("claimed")
	q.postBy(observer, message(longTTL, "claimed, mine"))
	q.claim(60, 2)
	q.postMessages(delayed(60, "delayed"), message(longTTL, "free"))
	q.postBy(observer, message(longTTL, "mine"))

	for flags := range 8 {
		l := marconi.Listing{Echo: flags&1 != 0, IncludeClaimed: flags&2 != 0, IncludeDelayed: flags&4 != 0}
		var want []string
		add := func(shown bool, body string) {
			if shown {
				want = append(want, body)
			}
		}
		add(l.IncludeClaimed, "claimed")
		add(l.IncludeClaimed && l.Echo, "claimed, mine")
		add(l.IncludeDelayed, "delayed")
		add(true, "free")
		add(l.Echo, "mine")
		wantBodies(t, fmt.Sprintf("List(%+v)", l), q.list(l).Items, want...)
		l.Limit = 1
		wantBodies(t, fmt.Sprintf("List(%+v), page by page", l), q.pages(l), want...)
	}
}
