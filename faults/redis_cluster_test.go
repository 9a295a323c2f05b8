//go:build unix

package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// The slots of queues, and of what is noted about them, move through a cluster while the queues are in use. Calls wait for that, and
// are refused when it takes longer than they have.
func TestRedisSlotsMove(t *testing.T) {
	t.Parallel()
	c := testservices.StartCluster(t)
	r := newStoreRun(t, "slots move", "redis://"+c.Addresses()+"?cluster=true", "--request-timeout", "1")
	slots := map[string]int{}
	for _, tag := range redisTags(t, c) {
		slots[tag] = c.Slot("{" + tag + "}")
	}
	if len(slots) < 6 { // three queues, those of the project, the index, the control store's ID
		t.Fatalf("the queues lie in %v", slots)
	}
	for range short(1, 10) {
		for tag, slot := range slots {
			r.trouble(func() {
				took := redisMove(c, slot, 50*time.Millisecond)
				t.Logf("%s moved in %v", tag, took.Round(time.Millisecond))
			})
			r.goOn(100 * time.Millisecond)
		}
	}
	quickly := r.door.refused.Load()
	for tag, slot := range slots {
		if strings.HasPrefix(tag, workloadProject+"/jobs/") {
			r.trouble(func() { redisMove(c, slot, 500*time.Millisecond) })
		}
	}
	if slowly := r.door.refused.Load() - quickly; slowly == 0 {
		t.Error("a slot that moved for longer than requests may take refused nobody")
	} else {
		t.Logf("slots that moved quickly had %d calls refused, one that moved slowly %d", quickly, slowly)
	}
	r.goOn(100 * time.Millisecond)
	r.wantKept(r.finish())
}

// redisTags are the hash tags of all keys of a cluster.
func redisTags(t *testing.T, c *testservices.Cluster) []string {
	t.Helper()
	seen := map[string]bool{}
	var tags []string
	for _, node := range c.Nodes {
		for _, key := range node.Do("KEYS", "mq1:*").([]any) {
			_, rest, _ := strings.Cut(fmt.Sprint(key), "{")
			tag, _, _ := strings.Cut(rest, "}")
			if !seen[tag] {
				seen[tag] = true
				tags = append(tags, tag)
			}
		}
	}
	return tags
}

// redisMove moves a slot key by key, with a pause after each: meanwhile some keys of a queue are here and some there.
func redisMove(c *testservices.Cluster, slot int, pause time.Duration) time.Duration {
	began := time.Now()
	from, to := c.BeginMigration(slot)
	for c.MoveKeys(slot, 1, from, to) > 0 {
		time.Sleep(pause)
	}
	c.EndMigration(slot, from, to)
	return time.Since(began)
}
