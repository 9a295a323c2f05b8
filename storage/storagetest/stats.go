package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func statsCases() []testCase {
	return []testCase{
		{"an empty queue has counts of zero", statsOfEmptyQueue},
		{"S1 counts follow deletes", statsFollowDeletes},
		{"S1 counts follow claims", statsFollowClaims},
		{"S1 counts follow pops and purges", statsFollowPops},
		{"S1 what expired leaves within a second", statsLoseExpired},
		{"S1 a claim's end changes counts and fails nothing", statsAtClaimEnd},
		{"S2 the oldest and the newest message", statsEnds},
		{"the volume is that of all queues", volume},
	}
}

// passStatsLag lets the second pass for which what expired may still be counted.
func (r *rig) passStatsLag(t testing.TB) {
	t.Helper()
	r.pass(t, time.Second)
}

func statsOfEmptyQueue(t *testing.T, r *rig) {
	q := r.queue(t)
	empty := func(what string) {
		t.Helper()
		q.wantCounts(0, 0)
		if s := q.stats(); s.Oldest != nil || s.Newest != nil {
			t.Errorf("%s: oldest %+v, newest %+v; want none", what, s.Oldest, s.Newest)
		}
	}
	empty("a queue never used")
	q.deleteMessages(q.post("a", "b"))
	empty("a queue whose messages were deleted")
}

func statsFollowDeletes(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 15)...)
	q.wantCounts(15, 0)
	q.delete(ids[0], "")
	q.wantCounts(14, 0)
	q.delete(ids[0], "")
	q.wantCounts(14, 0)
	q.deleteMessages(append(ids[1:4], "invalid", ids[0]))
	q.wantCounts(11, 0)
}

func statsFollowClaims(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.postMessages(delayed(60, "delayed"), message(longTTL, "1"), message(longTTL, "2"), message(longTTL, "3"))
	q.wantCounts(4, 0)
	id, _ := q.claim(60, 2)
	q.wantCounts(2, 2)
	q.update(id, 70, 0)
	q.wantCounts(2, 2)
	q.delete(ids[1], id)
	q.wantCounts(2, 1)
	q.release(id)
	q.wantCounts(3, 0)
}

func statsFollowPops(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 5)...)
	q.pop(2)
	q.wantCounts(3, 0)
	q.claim(60, 1)
	q.purge()
	q.wantCounts(0, 0)
	q.post("a")
	q.wantCounts(1, 0)
	q.drop()
	q.wantCounts(0, 0)
}

func statsLoseExpired(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postLiving(2, labels(1, 300)...)
	q.postMessages(marconi.NewMessage{TTL: 2, Delay: 1, Body: []byte(`"delayed"`)})
	q.post("live")
	q.claimAs(marconi.ClaimRequest{ID: newClaimID(), TTL: 2, Limit: 10})
	r.pass(t, 2*time.Second)
	r.passStatsLag(t)
	q.wantCounts(1, 0)
	wantStatsEnds(t, q, "live", "live")
}

func statsAtClaimEnd(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 3)...)
	q.claim(1, 1)
	q.claim(2, 1)
	r.pass(t, time.Second)
	q.wantCounts(2, 1)
	r.pass(t, time.Second)
	q.wantCounts(3, 0)
}

func statsEnds(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postLiving(2, "expires")
	q.post("oldest")
	r.pass(t, 2*time.Second)
	r.passStatsLag(t)
	ids := q.postMessages(message(longTTL, "middle"), delayed(60, "newest"))
	q.claim(60, 1)
	wantStatsEnds(t, q, "oldest", "newest")
	s := q.stats()
	if s.Oldest.Age != 3 || s.Newest.Age != 0 {
		t.Errorf("ages of the oldest and the newest = %d, %d; want 3, 0", s.Oldest.Age, s.Newest.Age)
	}
	if want := q.message(s.Oldest.ID).Created; !s.Oldest.Created.Equal(want) {
		t.Errorf("the oldest was created %v, want %v", s.Oldest.Created, want)
	}
	if !s.Oldest.Created.Before(s.Newest.Created) {
		t.Errorf("the oldest was created %v, the newest %v", s.Oldest.Created, s.Newest.Created)
	}
	q.delete(ids[1], "")
	wantStatsEnds(t, q, "oldest", "middle")
}

// wantStatsEnds compares IDs, for stats may leave bodies out.
func wantStatsEnds(t *testing.T, q *queue, oldest, newest string) {
	t.Helper()
	s := q.stats()
	if s.Oldest == nil || s.Newest == nil {
		t.Fatalf("stats: oldest %v, newest %v; want %q and %q", s.Oldest, s.Newest, oldest, newest)
	}
	got := q.messages(s.Oldest.ID, s.Newest.ID)
	if s.Oldest.ID == s.Newest.ID {
		got = append(got, got...)
	}
	wantBodies(t, "oldest and newest of the stats", got, oldest, newest)
}

func volume(t *testing.T, r *rig) {
	r = r.fresh(t)
	want := func(free, claimed int64) {
		t.Helper()
		v, err := r.data(t).Volume(t.Context())
		if err != nil {
			t.Fatalf("Volume: %v", err)
		}
		if v != (marconi.Volume{Free: free, Claimed: claimed, Total: free + claimed}) {
			t.Errorf("Volume = %+v, want %s", v, fmt.Sprintf("free %d, claimed %d", free, claimed))
		}
	}
	want(0, 0)
	first, second := r.queue(t), r.queue(t)
	first.post(labels(1, 5)...)
	second.post(labels(1, 3)...)
	second.postLiving(1, "expires")
	second.claim(60, 2)
	want(7, 2)
	r.pass(t, time.Second)
	r.passStatsLag(t)
	want(6, 2)
	first.drop()
	want(1, 2)
	second.purge()
	want(0, 0)
}
