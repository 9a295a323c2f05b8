package redis

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		q    marconi.QueueRef
		want string
	}{
		{newRefOf("p", "q", 7), "mq1:{p/q/7}:h"},
		{newRefOf("", "q.messages", 7), "mq1:{/q.messages/7}:h"},
		{newRefOf("a}{b", "q", 7), "mq1:{a%7D%7Bb/q/7}:h"},
		{newRefOf("a/b", "q", 7), "mq1:{a%2Fb/q/7}:h"},
		{newRefOf("a%2Fb", "q", 7), "mq1:{a%252Fb/q/7}:h"},
		{newRefOf("ä\n ", "q", 7), "mq1:{%C3%A4%0A%20/q/7}:h"},
		{newRefOf("\xff\x00", "q", 9007199254740991), "mq1:{%FF%00/q/9007199254740991}:h"},
	} {
		keys := newKeyspace("mq1", "").of(c.q)
		if keys[0] != c.want {
			t.Errorf("first key of %+v = %s, want %s", c.q, keys[0], c.want)
		}
		if len(keys) != 9 {
			t.Fatalf("%d keys, want 9", len(keys))
		}
	}
}

func newRefOf(p marconi.Project, n marconi.QueueName, i marconi.Incarnation) marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: p, Name: n}, Incarnation: i}
}

// hashTag is the part of a key by which a cluster chooses the slot, as its specification says.
func hashTag(key string) string {
	_, rest, found := strings.Cut(key, "{")
	tag, _, closed := strings.Cut(rest, "}")
	if !found || !closed || tag == "" {
		return key
	}
	return tag
}

// TestKeysKeepApart tries any names: a queue's keys are in one slot, no other queue has one of them, and the queue can be read back.
func TestKeysKeepApart(t *testing.T) {
	k := newKeyspace("mq1", "n{}1")
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ab{}%/.:]{0,6}`))
		ref := rapid.Custom(func(t *rapid.T) marconi.QueueRef {
			return newRefOf(marconi.Project(name.Draw(t, "project")), marconi.QueueName(name.Draw(t, "name")), marconi.Incarnation(rapid.Int64Range(1, 3).Draw(t, "incarnation")))
		})
		a, b := ref.Draw(t, "a"), ref.Draw(t, "b")
		seen := map[string]bool{}
		for _, key := range k.of(a) {
			seen[key] = true
			if got, want := hashTag(key), tag(a); got != want {
				t.Fatalf("key %s has the hash tag %s, want %s", key, got, want)
			}
			if strings.ContainsAny(key, " \n") {
				t.Fatalf("key %q has a space, which ends it in what waiters are told", key)
			}
		}
		if len(seen) != len(queueKeys) {
			t.Fatalf("queue %+v has %d keys, want %d", a, len(seen), len(queueKeys))
		}
		for _, key := range k.of(b) {
			if a != b && seen[key] {
				t.Fatalf("queues %+v and %+v share key %s", a, b, key)
			}
		}
		if got, ok := k.queue(k.of(a)[0]); !ok || got != a {
			t.Fatalf("queue(%s) = %+v, %v; want %+v", k.of(a)[0], got, ok, a)
		}
		one, other := k.project(a.Project), k.project(b.Project)
		if a.Project != b.Project && (one[0] == other[0] || one[1] == other[1]) || hashTag(one[0]) != hashTag(one[1]) || hashTag(one[0]) == "" {
			t.Fatalf("keys of projects %+v and %+v: %v, %v", a.Project, b.Project, one, other)
		}
		if one[0] == k.controlID()[0] || one[0] == k.index()[0] || hashTag(k.index()[0]) != hashTag(k.binding()[0]) {
			t.Fatalf("keys of project %+v are others' too", a.Project)
		}
	})
}

func FuzzUntag(f *testing.F) {
	for _, seed := range []string{"p/q/7", "//1", "a%7D%7Bb/q/7", "%/q/1", "p/q", "p/q/7/8", "%2f/q/7", "p/q/07"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if q, ok := untag(text); ok && tag(q) != text {
			t.Errorf("untag(%q) = %+v, whose tag is %q", text, q, tag(q))
		}
	})
}
