//go:build unix

package upstream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/redis/upstream/upstreamtest"
)

const otherClient = "30387f00-39a0-11e2-be4b-3c075411e7cf"

func text(s string) upstreamtest.Message { return upstreamtest.Message{Body: s} }

func TestImport(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "jobs", map[string]any{"owner": "ops", "_max_claim_count": 3})
	w.Post("p", "jobs",
		upstreamtest.Message{Body: map[string]any{"n": 1, "f": 1.0, "ü": []any{nil, true}}, TTL: 300 * time.Second, Left: 100 * time.Second},
		upstreamtest.Message{Body: "second", Client: otherClient, Checksum: "MD5:d41d8cd98f00b204e9800998ecf8427e"},
		upstreamtest.Message{Body: 3, Client: "no uuid: ü", Checksum: "SHA1:1234"},
		upstreamtest.Message{Body: nil, Client: strings.ToUpper(otherClient), Delay: 40 * time.Second},
	)
	w.Queue("p", "empty", nil)
	w.Queue("", "global", map[string]any{"of": "nobody"})
	w.Post("", "global", text("g"))
	w.Flush()

	o := importAll(t, "redis://"+server.Address)
	o.want("Queues:3 Messages:5 Delayed:1 Unlisted:0")
	if got, want := o.bodies("p", "jobs"), `{"f":1.0,"n":1,"ü":[null,true]} "second" 3 null`; got != want {
		t.Errorf("bodies %s, want %s", got, want)
	}
	for i, want := range []struct {
		ttl, client, checksum string
	}{
		{"1m", upstreamtest.Client, ""}, {"59m", otherClient, "MD5:d41d8cd98f00b204e9800998ecf8427e"}, {"59m", "no uuid: ü", ""}, {"59m", otherClient, ""},
	} {
		m := o.messages("p", "jobs")[i]
		if !strings.HasPrefix(m.TTL.Duration().String(), want.ttl) && m.TTL != 3600 || string(m.Client) != want.client || m.Checksum != want.checksum ||
			m.ClaimCount != 0 || m.Age > 1 {
			t.Errorf("message %d is %+v, want %+v", i, m, want)
		}
	}
	for key, want := range map[marconi.QueueKey]string{
		{Project: "p", Name: "jobs"}: `{"_max_claim_count":3,"owner":"ops"}`, {Project: "p", Name: "empty"}: "{}", {Name: "global"}: `{"of":"nobody"}`,
	} {
		if got := o.metadata(key.Project, key.Name); got != want {
			t.Errorf("metadata of %v is %s, want %s", key, got, want)
		}
	}
	if got := o.bodies("", "global"); got != `"g"` {
		t.Errorf("the queue of no project holds %s", got)
	}
}

// A delay goes on where it was: such a message is not handed out yet.
func TestDelayed(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "q", nil)
	w.Post("p", "q", upstreamtest.Message{Body: "later", Delay: time.Minute}, text("now"))
	w.Flush()
	o := importAll(t, "redis://"+server.Address)
	q, err := o.control.Queue(t.Context(), marconi.QueueKey{Project: "p", Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.data.Pop(t.Context(), q.QueueRef, 10)
	if err != nil || len(got) != 1 || string(got[0].Body) != `"now"` {
		t.Errorf("pop gives %v, %v; want what isn't delayed", got, err)
	}
}

func TestClaims(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "q", nil)
	ids := w.Post("p", "q", text("a"), text("b"), text("c"), text("d"))
	w.Claim("p", "q", time.Minute, ids[0], ids[2])
	w.Claim("p", "q", -time.Minute, ids[1])
	w.Claim("p", "q", time.Minute) // it holds nothing any more
	w.Flush()
	o := importAll(t, "redis://"+server.Address)
	o.want("Queues:1 Messages:4 Claimed:2 Claims:2 EndedClaims:1 Unlisted:0")
	q, err := o.control.Queue(t.Context(), marconi.QueueKey{Project: "p", Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.data.Claim(t.Context(), q.QueueRef, marconi.ClaimRequest{ID: "c", TTL: 60, Grace: 60, Limit: 10})
	if err != nil || len(got.Messages) != 4 || string(got.Messages[0].Body) != `"a"` {
		t.Errorf("a claim gets %v, %v; want all four in their order", got, err)
	}
}

// What is over, gone, torn or of a wrong type is left out and counted, each by its reason; all else comes.
func TestHostileMessages(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "q", nil)
	ids := w.Post("p", "q",
		text("first"),
		upstreamtest.Message{Body: "over", Left: -time.Second},
		text("gone"),
		upstreamtest.Message{Packed: "\x81\xa1a"},
		upstreamtest.Message{Packed: `{"a": 1}`},
		upstreamtest.Message{Packed: "\xc4\x02\xff\xfe"},
		text("without body"), text("without end"), text("with a silly end"), text("with a silly delay"), text("with a silly client"), text("of no type"),
		text("with a silly claim"),
		text("last"),
	)
	w.Do("DEL", ids[2])
	w.Do("HDEL", ids[6], "b")
	w.Do("HDEL", ids[7], "e")
	w.Do("HSET", ids[8], "e", "tomorrow")
	w.Do("HSET", ids[9], "d", "nan")
	w.Do("HSET", ids[10], "u", "\xff\xfe")
	w.Do("DEL", ids[11])
	w.Do("SET", ids[11], "x")
	w.Do("HSET", ids[12], "c", "x", "c.e", "never")
	w.Do("ZADD", "p.q.messages", "99", "p.q", "99", "../etc/passwd", "99", "")
	w.Do("ZADD", "p.q.messages", "100", upstreamtest.UUID())
	w.Orphan(text("nobody lists it"))
	w.Orphan(upstreamtest.Message{Body: "nor it", Left: -time.Second})
	w.Flush()

	o := importAll(t, "redis://"+server.Address)
	o.want("Queues:1 Messages:3 Expired:1 Gone:2 Damaged:map[message-body:4 message-fields:4 message-id:3 message-type:1] Unlisted:1")
	if got, want := o.bodies("p", "q"), `"first" "with a silly claim" "last"`; got != want {
		t.Errorf("bodies %s, want %s", got, want)
	}
	for _, words := range [][]string{
		{ids[3], "message-body", "cut off"}, {ids[4], "message-body", "bytes follow"}, {ids[5], "message-body", "UTF-8"}, {ids[6], "message-body", "there is none"},
		{ids[7], "message-fields", "a time is missing"}, {ids[8], "a time can't be read"}, {ids[9], "delayed"}, {ids[10], "client"}, {ids[11], "message-type"}, {"../etc/passwd"},
	} {
		o.wantProblem(append(words, `project "p" queue "q"`)...)
	}
}

func TestHostileQueues(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "torn", nil)
	w.Do("HSET", "p.torn", "m", "\x81\xa1a")
	w.Post("p", "torn", text("torn's"))
	w.Queue("p", "list", nil)
	w.Do("HSET", "p.list", "m", upstreamtest.Pack([]any{1}))
	w.Queue("p", "null", nil)
	w.Do("HSET", "p.null", "m", "\xc0")
	w.Queue("p", "bare", nil)
	w.Do("DEL", "p.bare")
	w.Post("p", "bare", text("bare's"))
	w.Queue("p", "string", nil)
	w.Do("DEL", "p.string")
	w.Do("SET", "p.string", "x")
	// The record of queue a.messages is where a's messages should be; and of b.claims where b's claims should be.
	w.Queue("p", "a", nil)
	w.Queue("p", "a.messages", map[string]any{"is": "a queue"})
	w.Post("p", "a.messages", text("a.messages'"))
	w.Queue("p", "b", nil)
	w.Queue("p", "b.claims", nil)
	w.Post("p", "b", text("b's"))
	// Names that no queue can have here.
	for _, name := range []string{"with blank", "sl/ash", "br{ace}", "ü", "..", "", strings.Repeat("x", 65)} {
		w.Queue("p", name, nil)
	}
	w.Do("ZADD", "p.queues_set", "1", "someone else's")
	// Lists that are none.
	w.Do("SET", "s.queues_set", "x")
	w.Do("HSET", "h.queues_set", "m", "\x80") // the record of a queue that has the list's name
	w.Flush()

	o := importAll(t, "redis://"+server.Address, "p", "s", "h")
	o.want("Queues:9 Messages:4 Damaged:map[claims-unreadable:1 project-queues:1 queue-messages:1 queue-metadata:3 queue-name:8 queue-record:1] Unlisted:")
	for queue, want := range map[marconi.QueueName]string{"torn": `"torn's"`, "bare": `"bare's"`, "a": "", "a.messages": `"a.messages'"`, "b": `"b's"`} {
		if got := o.bodies("p", queue); got != want {
			t.Errorf("queue %s holds %s, want %s", queue, got, want)
		}
	}
	if got := o.metadata("p", "a.messages"); got != `{"is":"a queue"}` {
		t.Errorf("metadata of a.messages: %s", got)
	}
	o.wantProblem(`project "p" queue "torn"`, "queue-metadata", "cut off")
	o.wantProblem(`project "p" queue "list"`, "it is no object")
	o.wantProblem(`project "s"`, "project-queues", "string")
	o.wantProblem(`queue "sl/ash"`, "queue-name")
	o.wantProblem(`queue "a"`, "queue-messages")
}

// Projects may be named anything; where two queues have the same keys, neither gets the other's messages.
func TestNames(t *testing.T) {
	server, w := begin(t)
	long := strings.Repeat("é", 256)
	for _, project := range []string{"", "a/b", "a}{b", "a%2Fb", "日本", "with blank\n", long, "*", "[x]?"} {
		w.Queue(project, "q.with.dots", map[string]any{"project": project})
		w.Post(project, "q.with.dots", text(project))
	}
	w.Queue("x", "a.b", nil)
	w.Queue("x.a", "b", nil)
	w.Post("x", "a.b", text("whose?"))
	w.Queue("x.a", "b.c", nil) // its keys are its own
	w.Post("x.a", "b.c", text("x.a's"))
	w.Queue(long+"é", "q", nil)
	w.Queue("\xff", "q", nil)
	w.Flush()

	o := importAll(t, "redis://"+server.Address)
	o.want("Queues:10 Messages:10 Damaged:map[queue-name:2 queue-shared:2] Unlisted:1")
	for _, project := range []marconi.Project{"", "a/b", "a}{b", "a%2Fb", "日本", "with blank\n", marconi.Project(long), "*", "[x]?"} {
		got, err := toJSON(upstreamtest.Pack(string(project)))
		if want := o.bodies(project, "q.with.dots"); err != nil || string(got) != want {
			t.Errorf("project %q has %s, %v", project, want, err)
		}
	}
	if got := o.bodies("x.a", "b.c"); got != `"x.a's"` {
		t.Errorf("queue b.c of project x.a holds %s", got)
	}
	o.wantProblem(`project "x" queue "a.b"`, "queue-shared", `project "x.a"`)
	o.wantProblem(`project "x.a" queue "b"`, "queue-shared", `project "x"`)
	for _, key := range []marconi.QueueKey{{Project: "x", Name: "a.b"}, {Project: "x.a", Name: "b"}} {
		if _, err := o.control.Queue(t.Context(), key); !errors.Is(err, marconi.ErrNoQueue) {
			t.Errorf("queue %v: %v", key, err)
		}
	}
	only := importAll(t, "redis://"+server.Address, "x", "日本")
	only.want("Queues:1 Messages:1 Damaged:map[queue-shared:1] Unlisted:")
}

func TestStrayLists(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "q", nil)
	w.Post("p", "deleted", text("nobody's"))
	w.Queue("p", "x.messages", nil) // a record that only looks like a list
	w.Flush()
	o := importAll(t, "redis://"+server.Address)
	o.want("Queues:2 Damaged:map[messages-astray:1] Unlisted:1")
	o.wantProblem(`queue "p.deleted"`, "messages-astray")
}

// Ranks that are the same, far apart or infinite lose nothing; nor does a list of queues with scores of its own.
func TestOddScores(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "q", nil)
	ids := make([]string, 3*messagesPage)
	for i := range ids {
		ids[i] = w.Orphan(upstreamtest.Message{ID: fmt.Sprintf("00000000-0000-0000-0000-%012d", i), Body: i})
		score := "7"
		switch {
		case i < 3:
			score = "-inf"
		case i > 3*messagesPage-3:
			score = "inf"
		case i > 2*messagesPage:
			score = "9007199254740992.5e3"
		}
		w.Do("ZADD", "p.q.messages", score, ids[i])
	}
	for i := range 3 * queuesPage {
		w.Do("ZADD", "p.queues_set", fmt.Sprint(i%3), fmt.Sprintf("p.q%d", i))
		w.Do("HSET", fmt.Sprintf("p.q%d", i), "m", "\x80")
	}
	w.Flush()
	o := importAll(t, "redis://"+server.Address)
	o.want(fmt.Sprintf("Queues:%d Messages:%d Unlisted:0", 3*queuesPage+1, len(ids)))
	for i, m := range o.messages("p", "q") {
		if string(m.Body) != fmt.Sprint(i) {
			t.Fatalf("message %d has body %s", i, m.Body)
		}
	}
}

func TestNothingThere(t *testing.T) {
	server, w := begin(t)
	w.Do("SET", "something", "else")
	w.Flush()
	o := importAll(t, "redis://"+server.Address)
	if !errors.Is(o.err, importer.ErrNothing) || !strings.Contains(o.err.Error(), server.Address) {
		t.Errorf("from a Redis without queues: %v", o.err)
	}
	if o = importAll(t, "redis://"+server.Address, "p"); !errors.Is(o.err, importer.ErrNothing) {
		t.Errorf("of a project without queues: %v", o.err)
	}
}

func TestWrongURIs(t *testing.T) {
	for uri, want := range map[string]string{
		"redis://":                                 "the URI has the form",
		"redis://h1,h2?cluster=true":               "cluster",
		"redis://127.0.0.1?prefix=x":               "prefix",
		"redis://127.0.0.1?durability=aof":         "durability",
		"redis://u:hunter2@127.0.0.1:1":            "127.0.0.1:1",
		"redis://u:hunter2@127.0.0.1:99999":        "port",
		"redis://hunter2@/nowhere/redis.sock":      "unixsocket",
		"redis://127.0.0.1:1?master=m&sentinel_pw": "no option",
	} {
		s, err := Open(t.Context(), uri, storage.Options{})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) gives %v; want %q", uri, err, want)
		}
	}
}
