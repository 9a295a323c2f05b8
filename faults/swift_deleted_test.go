//go:build unix

package faults

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSwiftQueueDeletedAmidPosts deletes a queue again and again while others post to it, and what was deleted is removed in the
// background: what was posted before the last time is gone, and what was posted after it is there.
func TestSwiftQueueDeletedAmidPosts(t *testing.T) {
	for design, open := range twinDesigns {
		t.Run(design, func(t *testing.T) {
			d := &deletion{twin: serveTwin(t, open), t: t}
			d.run(short(10, 300))
			for range 3 {
				d.check()
				time.Sleep(100 * time.Millisecond) // for five rounds of removals
			}
		})
	}
}

// A deletion is a queue that is deleted amid posts.
type deletion struct {
	*twin
	t *testing.T

	mu    sync.Mutex // guards posts
	posts []deletionPost

	sent, answered time.Time // of the last delete
}

type deletionPost struct {
	ids            []string
	sent, answered time.Time
}

// request makes a request, and complains about an answer of another status.
func (d *deletion) request(method, path, body string, want int) string {
	a, err := d.send(d.t.Context(), twinRequest{
		method: method, path: "/v1.1/queues/q" + path, body: body, project: "p", client: hostileClient,
	})
	if err != nil || a.status != want {
		d.t.Errorf("%s %s: %v, %v", method, path, a, err)
	}
	return a.body
}

func (d *deletion) run(times int) {
	var posters sync.WaitGroup
	var over atomic.Bool
	for i := range 4 {
		posters.Go(func() {
			for !over.Load() {
				d.post(1 + i%2)
			}
		})
	}
	for range times {
		time.Sleep(20 * time.Millisecond)
		d.sent = time.Now()
		d.request(http.MethodDelete, "", "", http.StatusNoContent)
		d.answered = time.Now()
	}
	time.Sleep(50 * time.Millisecond)
	over.Store(true)
	posters.Wait()
}

// post posts n messages.
func (d *deletion) post(n int) {
	messages := slices.Repeat([]map[string]any{{"ttl": 300, "body": 1}}, n)
	body, _ := json.Marshal(map[string]any{"messages": messages}) // can be written
	p := deletionPost{sent: time.Now()}
	p.ids = deletionIDs(d.request(http.MethodPost, "/messages", string(body), http.StatusCreated))
	p.answered = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.posts = append(d.posts, p)
}

// check looks for what has to be there, and for what must not.
func (d *deletion) check() {
	there := d.list()
	before, after := 0, 0
	for _, p := range d.posts {
		for _, id := range p.ids {
			switch {
			case p.answered.Before(d.sent):
				before++
				if there[id] {
					d.t.Errorf("%s was posted before the queue was deleted, and is there", id)
				}
			case p.sent.After(d.answered):
				after++
				if !there[id] {
					d.t.Errorf("%s was posted after the queue was deleted, and is not there", id)
				}
			}
		}
	}
	if before == 0 || after == 0 {
		d.t.Errorf("%d messages were posted before, and %d after the queue was deleted", before, after)
	}
}

// list gives the IDs of all messages.
func (d *deletion) list() map[string]bool {
	all := map[string]bool{}
	for path := "/messages?echo=true&limit=20"; ; {
		text := d.request(http.MethodGet, path, "", http.StatusOK)
		ids := deletionIDs(text)
		for _, id := range ids {
			all[id] = true
		}
		marker := twinMarker.FindStringSubmatch(text)
		if len(ids) == 0 || marker == nil {
			return all
		}
		path = "/messages?echo=true&limit=20&marker=" + marker[2]
	}
}

func deletionIDs(text string) (ids []string) {
	for _, found := range twinMessage.FindAllStringSubmatch(text, -1) {
		if id := found[1] + found[2]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
