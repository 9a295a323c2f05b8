//go:build unix

package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
)

// twinProjects lead elsewhere, or nowhere, if they become parts of paths as they are, or look alike once they are escaped.
var twinProjects = []string{
	"p", "P", "None", "p/q", "p%2Fq", "p%252Fq", "..", "../p", "/", ".", "p.q", "p q", "p-q", "p?q=r#s", "p:q", `"p"`, "'", "ä", "a\u0308", "日本語",
	"m/0", "c/!purge", strings.Repeat("x", 256), strings.Repeat("x", 255), strings.Repeat("日", 256), strings.Repeat("日", 257), "\xff", "%00",
}

// twinQueues are names of queues as they stand in a path; the last ones are none.
var twinQueues = []string{
	"q", "Q", "q-q", "q.q", "q_q", "%71.", "-q", "None", "messages", "-1", strings.Repeat("x", 64),
	strings.Repeat("x", 65), "..", "%2e", "q%2Fq", "q%252Fq", "q%20", "%C3%A4", "%00", "q%3Fq", "q/q",
}

const twinNoQueues = 11 // the first that is none

var (
	twinClients = []string{hostileClient, "30387f00-2b9e-11e3-b191-71861300734c", "{30387F002B9E11E3B19171861300734C}", "not a UUID"}
	twinBad     = []string{"59", "0", "-1", "1209601", "9223372036854775807", "9223372036854775808", "60.0", `"60"`, "null"}
	twinLives   = append([]string{"60", "300", "1209600"}, twinBad...)        // TTLs of messages
	twinTerms   = append([]string{"61", "301", "43200", "43201"}, twinBad...) // of claims: never that of a message, or milliseconds would decide
	twinLimits  = []string{"1", "2", "3", "10", "19", "20", "21", "0", "-1", "99999999999999999999", "x", ""}
	twinBodies  = []string{
		"null", "0", "-0.0", "1e400", `""`, `"\u0000"`, `"日本語 \ud83d\ude00"`, `"\ud800"`, "[]", "{}", `{"": [1, {"a": null}], "a": 1, "a": 2}`, ` [ 1 , 2 ] `,
		`"%00%2F../?#\\\"{}"`, "{", "", strconv.Quote(strings.Repeat("x", 1<<10)), strconv.Quote(strings.Repeat("x", 200<<10)), strconv.Quote(strings.Repeat("x", 256<<10-80)),
		strconv.Quote(strings.Repeat("x", 256<<10)),
	}
)

// A twinQueue is a queue of a project, as both stand in requests.
type twinQueue struct{ project, name string }

// A twinThing is a message, claim or marker, and of which queue.
type twinThing struct{ queue twinQueue }

// A twinRandom makes up requests, most of them for few queues and with things that are there, and knows what has come of them.
type twinRandom struct {
	*rand.Rand
	queue                     twinQueue
	messages, claims, markers []twinThing
	answers                   map[string]int
}

func newTwinRandom(t *testing.T) *twinRandom {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MARCONI_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MARCONI_TEST_SEED=%d", seed)
	return &twinRandom{Rand: rand.New(rand.NewPCG(seed, 0)), queue: twinQueue{"p", "q"}, answers: map[string]int{}}
}

// note remembers which queue a request's new things belong to.
func (g *twinRandom) note(r twinRequest, model *twin, a twinAnswer) {
	for _, one := range []struct {
		things *[]twinThing
		now    int
	}{{&g.messages, len(model.messages)}, {&g.claims, len(model.claims)}, {&g.markers, len(model.markers)}} {
		for len(*one.things) < one.now {
			*one.things = append(*one.things, twinThing{r.queue})
		}
	}
	g.answers[fmt.Sprintf("%s %s %d", r.method, r.kind, a.status)]++
}

// likely gives the first half of some more often than the other.
func (g *twinRandom) likely(some []string) string {
	return some[min(g.IntN(len(some)), g.IntN(len(some)), g.IntN(len(some)))]
}

func (g *twinRandom) one(n int) bool { return g.IntN(n) == 0 }

// request makes up a request.
func (g *twinRandom) request() twinRequest {
	if g.one(30) {
		g.queue.project = twinProjects[g.IntN(len(twinProjects))]
	}
	if g.one(30) {
		g.queue.name = twinQueues[g.IntN(twinNoQueues)]
	}
	r := twinRequest{queue: g.queue, project: g.queue.project, client: g.likely(twinClients[:3])}
	if g.one(25) {
		r.queue.name = twinQueues[twinNoQueues+g.IntN(len(twinQueues)-twinNoQueues)]
	}
	if g.one(60) {
		r.client = twinClients[3]
	}
	v := g.likely([]string{"/v1.1", "/v1"})
	r.path = v + "/queues/" + r.queue.name
	make := []func(*twinRequest, bool){
		g.post, g.post, g.post, g.post, g.list, g.list, g.list, g.message, g.message, g.deleteMessage, g.deleteMessage, g.many, g.pop,
		g.claim, g.claim, g.claim, g.ofClaim, g.ofClaim, g.ofClaim, g.ofClaim, g.ofQueue, g.ofQueue, g.queues,
	}
	make[g.IntN(len(make))](&r, v == "/v1")
	return r
}

// thing is the symbol of one of these, most often of one of the latest of the queue at hand. There may be none.
func (g *twinRandom) thing(letter string, things []twinThing) (symbol string, foreign bool) {
	if len(things) == 0 || g.one(12) {
		return g.likely([]string{"-", "zzz", "None", "%00", "..", "%2e%2e%2f", strings.Repeat("f", 21), strings.Repeat("9", 300)}), true
	}
	n := g.IntN(len(things))
	if !g.one(8) {
		for n = len(things) - 1; n > 0 && (things[n].queue != g.queue || g.one(2)); n-- {
		}
	}
	return fmt.Sprintf("{%s%d}", letter, n), things[n].queue != g.queue
}

func (g *twinRandom) query(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" && !g.one(3) {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "?" + strings.Join(kept, "&")
}

func (g *twinRandom) post(r *twinRequest, old bool) {
	r.kind, r.method = "messages", http.MethodPost
	r.path += "/messages"
	n := []int{1, 2, 3, 20, 5, 21, 0}[min(g.IntN(7), g.IntN(7))]
	messages := make([]string, n)
	for i := range messages {
		body, ttl := g.likely(twinBodies), g.likely(twinLives[:3])
		if i > 0 && len(body) > 2_000 {
			body = "1"
		}
		if g.one(8 * n) {
			ttl = g.likely(twinLives)
		}
		messages[i] = fmt.Sprintf(`{"ttl": %s, "body": %s}`, ttl, body)
	}
	r.body = "[" + strings.Join(messages, ",") + "]"
	if !old {
		r.body = `{"messages": ` + r.body + "}"
	}
}

func (g *twinRandom) list(r *twinRequest, _ bool) {
	r.kind, r.method = "messages", http.MethodGet
	marker, foreign := g.thing("p", g.markers)
	marker = "marker=" + marker
	q := g.query("limit="+g.likely(twinLimits), marker, "echo="+g.likely([]string{"true", "false", "x"}), "include_claimed="+g.likely([]string{"true", "false", ""}))
	r.loose = foreign && strings.Contains(q, "{p")
	r.path += "/messages" + q
}

func (g *twinRandom) message(r *twinRequest, _ bool) {
	id, _ := g.thing("m", g.messages)
	r.kind, r.method = "message", http.MethodGet
	r.path += "/messages/" + id
}

func (g *twinRandom) deleteMessage(r *twinRequest, _ bool) {
	g.message(r, false)
	r.method = http.MethodDelete
	if !g.one(3) {
		claim, _ := g.thing("c", g.claims)
		r.path += "?claim_id=" + claim
	}
}

// many gets or deletes several messages.
func (g *twinRandom) many(r *twinRequest, _ bool) {
	r.kind, r.method = "messages", []string{http.MethodGet, http.MethodDelete}[g.IntN(2)]
	ids := make([]string, []int{1, 2, 3, 20, 21, 0}[g.IntN(6)])
	for i := range ids {
		ids[i], _ = g.thing("m", g.messages)
	}
	r.path += "/messages?ids=" + strings.Join(ids, ",")
}

func (g *twinRandom) pop(r *twinRequest, _ bool) {
	r.kind, r.method = "messages", http.MethodDelete
	r.path += "/messages?pop=" + g.likely(twinLimits)
}

func (g *twinRandom) claim(r *twinRequest, _ bool) {
	r.kind, r.method = "claims", http.MethodPost
	r.path += "/claims" + g.query("limit="+g.likely(twinLimits))
	r.body = g.terms()
}

func (g *twinRandom) terms() string {
	ttl, grace := g.likely(twinTerms[:3]), g.likely(twinTerms[:3])
	if g.one(8) {
		ttl, grace = g.likely(twinTerms), g.likely(twinTerms)
	}
	return fmt.Sprintf(`{"ttl": %s, "grace": %s}`, ttl, grace)
}

func (g *twinRandom) ofClaim(r *twinRequest, _ bool) {
	id, _ := g.thing("c", g.claims)
	r.kind, r.method = "claim", []string{http.MethodGet, http.MethodGet, http.MethodPatch, http.MethodPatch, http.MethodDelete}[g.IntN(5)]
	r.path += "/claims/" + id
	if r.method == http.MethodPatch {
		r.body = g.terms()
	}
}

func (g *twinRandom) ofQueue(r *twinRequest, _ bool) {
	r.kind, r.method = "queue", []string{http.MethodPut, http.MethodPut, http.MethodGet, http.MethodGet}[g.IntN(4)]
	switch {
	case g.one(8):
		r.method = http.MethodDelete
	case g.one(3):
		r.kind, r.method = "stats", http.MethodGet
		r.path += "/stats"
	case r.method == http.MethodPut:
		r.body = g.likely([]string{"", "{}", `{"a": "日本語"}`, "[]"})
	}
}

// queues lists those of a project.
func (g *twinRandom) queues(r *twinRequest, _ bool) {
	r.kind, r.method = "queues", http.MethodGet
	r.path = strings.TrimSuffix(r.path, "/"+r.queue.name) + g.query("limit="+g.likely(twinLimits), "marker="+url.QueryEscape(g.likely(twinProjects)), "detailed=true")
}
