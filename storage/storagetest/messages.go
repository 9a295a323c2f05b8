package storagetest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func messageCases() []testCase {
	return []testCase{
		{"a post gives an ID for each message, in order", postGivesIDs},
		{"a message comes back as it was posted", comesBackAsPosted},
		{"a body keeps its bytes", bodyKeepsItsBytes},
		{"a post may hold very many messages", postOfManyMessages},
		{"age is whole seconds, rounded down", ageIsWholeSeconds},
		{"a claimed or delayed message can be got", getHiddenMessages},
		{"messages are got in the order asked for, each once", getInOrderAskedFor},
		{"getting many messages leaves out what is not there", getLeavesOutMissing},
		{"an ID of impossible form names nothing", impossibleMessageID},
		{"a queue never posted to is an empty queue", unknownQueueIsEmpty},
		{"the oldest and the newest message, claimed or delayed", firstAndLast},
		{"an empty queue has no oldest message", firstOfEmptyQueue},
		{"an end that is none is a bug of the caller's", firstOfNoEnd},
	}
}

func postGivesIDs(t *testing.T, r *rig) {
	q := r.queue(t)
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	ids := q.post(labels(1, 5)...)
	for i, id := range ids {
		if !form.MatchString(string(id)) {
			t.Errorf("message ID %q does not match %v", id, form)
		}
		wantBodies(t, fmt.Sprintf("message of ID %d", i+1), []marconi.Message{q.message(id)}, fmt.Sprint(i+1))
	}
}

func comesBackAsPosted(t *testing.T, r *rig) {
	q := r.queue(t)
	sent := marconi.NewMessage{TTL: 123, Body: []byte(`{"n": 1}`), Checksum: "MD5:0123456789abcdef0123456789abcdef"}
	before := r.clock.Now()
	id := q.postMessages(sent)[0]

	for what, got := range map[string][]marconi.Message{
		"Message":  {q.message(id)},
		"Messages": q.messages(id),
		"List":     q.list(marconi.Listing{Echo: true}).Items,
		"Pop":      q.pop(1),
	} {
		if len(got) != 1 {
			t.Fatalf("%s gave %d messages, want the one posted", what, len(got))
		}
		checkAsPosted(t, what, got[0], id, sent)
		if r.clock.turned() && !got[0].Created.Equal(before.Truncate(time.Millisecond)) {
			t.Errorf("%s: created %v, want %v", what, got[0].Created, before)
		}
	}
}

func checkAsPosted(t *testing.T, what string, m marconi.Message, id marconi.MessageID, sent marconi.NewMessage) {
	t.Helper()
	if m.ID != id || m.TTL != sent.TTL || !bytes.Equal(m.Body, sent.Body) || m.Client != producer || m.Checksum != sent.Checksum {
		t.Errorf("%s gave %+v, want what was posted: %+v under ID %s by %s", what, m, sent, id, producer)
	}
	if m.Age != 0 || m.Claim != "" || m.ClaimCount != 0 {
		t.Errorf("%s gave age %d, claim %q, claim count %d, want a new message's", what, m.Age, m.Claim, m.ClaimCount)
	}
	if m.Created.Location() != time.UTC || !m.Created.Equal(m.Created.Truncate(time.Millisecond)) {
		t.Errorf("%s: created %v, want UTC and whole milliseconds", what, m.Created)
	}
}

func bodyKeepsItsBytes(t *testing.T, r *rig) {
	for name, body := range map[string]string{
		"null":             `null`,
		"zero":             `0`,
		"empty text":       `""`,
		"white space":      " {\t\"b\" : [ 1.0 , 1E+2 ],\n\"a\":null } ",
		"twice a key":      `{"a": 1, "a": 2}`,
		"dots and dollars": `{"a.b": 1, "$set": {"x": "\u0000"}}`,
		"unicode":          `"\u00e4 ä 𝄞 \ud834\udd1e"`,
		"big number":       `123456789012345678901234567890.000`,
		"quotes":           `"'; DROP TABLE messages; --"`,
		"long":             `"` + strings.Repeat("x", 200_000) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			q := r.queue(t)
			id := q.postMessages(marconi.NewMessage{TTL: longTTL, Body: []byte(body)})[0]
			if got := q.message(id).Body; string(got) != body {
				t.Errorf("body %.80q came back as %.80q", body, got)
			}
		})
	}
}

// postOfManyMessages posts as many as fit into a request of 256 KiB: more than some stores take parameters.
func postOfManyMessages(t *testing.T, r *rig) {
	q := r.queue(t)
	want := labels(1, 4000)
	ids := q.post(want...)
	wantBodies(t, "all messages", q.pages(marconi.Listing{Limit: 1000, Echo: true}), want...)
	wantBodies(t, "messages by their IDs", q.messages(ids...), want...)
	q.deleteMessages(ids)
	q.wantCounts(0, 0)
}

func ageIsWholeSeconds(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.post("a")[0]
	for want := marconi.Seconds(1); want < 4; want++ {
		r.passToJustBefore(t, time.Second)
		if got := q.message(id).Age; got != want-1 {
			t.Errorf("age just before %d s = %d, want %d", want, got, want-1)
		}
		r.passStep(t)
		if got := q.message(id).Age; got != want {
			t.Errorf("age at %d s = %d", want, got)
		}
	}
}

func getHiddenMessages(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.postMessages(message(longTTL, "claimed"), delayed(60, "delayed"))
	claim, _ := q.claim(60, 1)
	m := q.message(ids[0])
	if m.Claim != claim || m.ClaimCount != 1 {
		t.Errorf("claimed message: claim %q, count %d; want %q, 1", m.Claim, m.ClaimCount, claim)
	}
	wantBodies(t, "messages by their IDs", q.messages(ids...), "claimed", "delayed")
}

func getInOrderAskedFor(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b", "c")
	got := q.messages(ids[2], ids[0], ids[2], ids[1], ids[0])
	wantBodies(t, "messages c, a, c, b, a", got, "c", "a", "b")
}

func getLeavesOutMissing(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	ids := q.post("a", "b", "c")
	foreign := other.post("foreign")[0]
	q.delete(ids[1], "")
	got := q.messages("no-such-message", ids[2], foreign, ids[1], "", ids[0])
	wantBodies(t, "messages", got, "c", "a")

	q.deleteMessages(ids)
	wantBodies(t, "messages after their deletion", q.messages(ids...))
}

// nonsense are IDs and markers that no store gave: what users send.
func nonsense() []string {
	return []string{
		"", "x", "-1", "0", "undefined", "'; DROP TABLE queues; --", "; DROP TABLE queues", "..", "%", "a/b", "\x00", "\xff\xfe", "ä",
		strings.Repeat("f", 24), strings.Repeat("F", 24), strings.Repeat("0", 24), strings.Repeat("z", 64), strings.Repeat("9", 400),
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	}
}

func impossibleMessageID(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a")
	for _, text := range nonsense() {
		id := marconi.MessageID(text)
		what := fmt.Sprintf("ID %.30q", text)
		q.wantGone(what, id)
		q.wantDelete(what, id, "")
		q.wantDelete(what+" with a claim", id, newClaimID())
		q.wantDeleteAll(what, []marconi.MessageID{id}, nil)
		q.wantDeleteAll(what+" with a claim", []marconi.MessageID{id}, []marconi.ClaimID{newClaimID()})
	}
	q.wantAll("a")
}

func unknownQueueIsEmpty(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	foreign := other.post("a")[0]

	q.wantAll()
	q.wantGone("an ID of another queue", foreign)
	q.wantDelete("an ID of another queue", foreign, "")
	q.wantDeleteAll("an ID of another queue", []marconi.MessageID{foreign}, nil)
	wantBodies(t, "Pop", q.pop(5))
	id, got := q.claim(60, 5)
	wantBodies(t, "Claim", got)
	q.wantNoClaim("after a claim of nothing", id)
	q.wantCounts(0, 0)
	q.purge()
	q.drop()
	other.wantAll("a")
}

func firstAndLast(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postMessages(message(longTTL, "oldest"), message(longTTL, "middle"), delayed(60, "newest"))
	q.claim(60, 1)
	for end, want := range map[marconi.End]string{marconi.Oldest: "oldest", marconi.Newest: "newest"} {
		m, err := q.ds.First(q.ctx(), q.QueueRef, end)
		if err != nil {
			t.Fatalf("First(%d): %v", end, err)
		}
		wantBodies(t, fmt.Sprintf("First(%d)", end), []marconi.Message{m}, want)
	}
}

func firstOfEmptyQueue(t *testing.T, r *rig) {
	q := r.queue(t)
	empty := func(what string) {
		for _, end := range []marconi.End{marconi.Oldest, marconi.Newest} {
			_, err := q.ds.First(q.ctx(), q.QueueRef, end)
			wantErr(t, fmt.Sprintf("First(%d) %s", end, what), err, marconi.ErrEmptyQueue)
		}
	}
	empty("of a queue never used")
	q.post("a")
	q.pop(1)
	empty("after a pop")
	q.postLiving(1, "b")
	r.pass(t, time.Second)
	empty("when all has expired")
}

func firstOfNoEnd(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a")
	for _, end := range []marconi.End{0, -1, 3} {
		_, err := q.ds.First(q.ctx(), q.QueueRef, end)
		if err == nil || marconi.KindOf(err) != marconi.Internal {
			t.Errorf("First(%d): error %v, want one that is Internal", end, err)
		}
	}
}
