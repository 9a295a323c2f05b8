//go:build unix

package faults

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// A redisVictim is a queue whose owner others try to rob: they know its name and all IDs, and have names of their own that would
// lead to its keys, if names became keys as they are.
type redisVictim struct {
	*process
	t              *testing.T
	project, queue string
	ids            []string // of messages; the first two are under the claim
	claim          string
	secret         string // the body of each
}

var redisMessageHref = regexp.MustCompile(`/messages/([0-9a-f]+)`)

// newRedisVictim makes a victim with four messages, two of them claimed.
func newRedisVictim(t *testing.T, p *process, project, queue string) *redisVictim {
	t.Helper()
	v := &redisVictim{process: p, t: t, project: project, queue: queue, secret: "own of " + project}
	post := fmt.Sprintf(`{"messages": [%s]}`, strings.Join(slices.Repeat([]string{`{"ttl": 300, "body": "` + v.secret + `"}`}, 4), ","))
	text := v.must(project, http.MethodPost, "/messages", post, http.StatusCreated)
	for _, m := range redisMessageHref.FindAllStringSubmatch(text, -1) {
		v.ids = append(v.ids, m[1])
	}
	text = v.must(project, http.MethodPost, "/claims?limit=2", `{"ttl": 300, "grace": 300}`, http.StatusCreated)
	_, id, _ := strings.Cut(text, "claim_id=")
	v.claim, _, _ = strings.Cut(id, `"`)
	if len(v.ids) != 4 || v.claim == "" {
		t.Fatalf("the victim has messages %v under claim %q, from %s", v.ids, v.claim, text)
	}
	return v
}

func (v *redisVictim) must(project, method, path, body string, want int) string {
	v.t.Helper()
	status, text, _ := redisCall(v.t, v.process, method, "/v1.1/queues/"+v.queue+path, project, body)
	if status != want {
		v.t.Fatalf("%s %s as %q: %d %s, want %d", method, path, project, status, text, want)
	}
	return text
}

// attack does to a queue of the attacker's own all that is possible with what belongs to the victim.
func (v *redisVictim) attack(project, queue string) {
	v.t.Helper()
	at := "/v1.1/queues/" + queue
	post := `{"messages": [{"ttl": 300, "body": "the attacker's"}]}`
	if status, text, _ := redisCall(v.t, v.process, http.MethodPost, at+"/messages", project, post); status != http.StatusCreated {
		v.t.Fatalf("POST as %q to %s: %d %s", project, queue, status, text)
	}
	all := strings.Join(v.ids, ",")
	for _, try := range []struct{ method, path, body string }{
		{http.MethodGet, "/messages?echo=true&include_claimed=true", ""},
		{http.MethodGet, "/messages?ids=" + all, ""},
		{http.MethodGet, "/messages/" + v.ids[0], ""},
		{http.MethodGet, "/messages/" + v.ids[3], ""},
		{http.MethodGet, "/claims/" + v.claim, ""},
		{http.MethodPatch, "/claims/" + v.claim, `{"ttl": 60, "grace": 60}`},
		{http.MethodDelete, "/messages/" + v.ids[0] + "?claim_id=" + v.claim, ""},
		{http.MethodDelete, "/messages/" + v.ids[3], ""},
		{http.MethodDelete, "/messages?ids=" + all, ""},
		{http.MethodDelete, "/claims/" + v.claim, ""},
		{http.MethodPost, "/claims?limit=20", `{"ttl": 60, "grace": 60}`},
		{http.MethodDelete, "/messages?pop=20", ""},
		{http.MethodGet, "/stats", ""},
		{http.MethodDelete, "", ""},
	} {
		status, text, _ := redisCall(v.t, v.process, try.method, at+try.path, project, try.body)
		if strings.Contains(text, v.secret) || status >= http.StatusInternalServerError {
			v.t.Errorf("%s %s as %q on queue %s: %d %s", try.method, try.path, project, queue, status, text)
		}
	}
}

// wantWhole looks whether the victim still has everything, and that nothing was added.
func (v *redisVictim) wantWhole(after string) {
	v.t.Helper()
	text := v.must(v.project, http.MethodGet, "/messages?echo=true&include_claimed=true", "", http.StatusOK)
	if n := strings.Count(text, v.secret); n != 4 || strings.Contains(text, "attacker") {
		v.t.Errorf("after %s the victim has %s", after, text)
	}
	text = v.must(v.project, http.MethodGet, "/claims/"+v.claim, "", http.StatusOK)
	if n := strings.Count(text, v.secret); n != 2 || !strings.Contains(text, `"ttl":300`) {
		v.t.Errorf("after %s the victim's claim is %s", after, text)
	}
}

// Who knows all IDs of a project, and may choose names, gets nowhere near it.
func TestRedisKeepsTenantsApart(t *testing.T) {
	redis := testservices.StartRedis(t)
	p := start(t, "--store", "redis://"+redis.Address)
	projects := []string{
		"a", "b", "A", "a/jobs", "a/jobs.1", "a/", "/a", "a}", "{a", "{a}", "a}:{b", "a%2Fjobs", "a%7D", "%61", "p:a", "a:", "a.jobs", "a..", "index", "admin",
		"a\tb", "a b", "ä", "a*", "a?", "[a]", `a\`, "a'", `a"`, "mq1:{a/jobs/1}:h",
	}
	queues := []string{"jobs", "jobs.1", "a.jobs"}
	queues = append(queues, short(nil, []string{"jobs.", "-", "_", "1", "p", "q"})...)
	for _, own := range []struct{ project, queue string }{{"a", "jobs"}, {"a/jobs", "jobs.1"}, {"{a}", "jobs"}} {
		v := newRedisVictim(t, p, own.project, own.queue)
		for _, project := range projects {
			for _, queue := range queues {
				if project == own.project && queue == own.queue {
					continue // the owner
				}
				v.attack(project, queue)
			}
			v.wantWhole(fmt.Sprintf("attacks as %q", project))
		}
	}
	p.stop(t)
}
