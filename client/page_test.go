package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pageReply is a page of messages of the given IDs with a next link, and an empty page if there are none.
func pageReply(next string, ids ...string) reply {
	if len(ids) == 0 {
		return reply{status: 200, body: `{"messages": [], "links": []}`}
	}
	var messages []string
	for _, id := range ids {
		messages = append(messages, fmt.Sprintf(`{"id": %q, "href": "/v1.1/queues/jobs/messages/%s", "ttl": 60, "age": 0, "body": 1}`, id, id))
	}
	return reply{status: 200, body: fmt.Sprintf(`{"messages": [%s], "links": [{"rel": "self", "href": "/"}, {"rel": "next", "href": %q}]}`,
		strings.Join(messages, ","), next)}
}

func TestMessagesFollowLinksToAnEmptyPage(t *testing.T) {
	const next = "/v1.1/queues/jobs/messages?limit=2&echo=true&marker="
	s := play(pageReply(next+"2", "a", "b"), pageReply(next+"3", "c"), pageReply(""))
	listing := newClient(t, s, Config{}).Queue("jobs").Messages(t.Context(), MessageListing{Limit: 2, Echo: true})
	var got []MessageID
	for m, err := range listing {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.ID)
	}
	if diff := cmp.Diff([]MessageID{"a", "b", "c"}, got); diff != "" {
		t.Errorf("messages differ (-want +got):\n%s", diff)
	}
	want := []string{
		"GET /v1.1/queues/jobs/messages?limit=2&echo=true",
		"GET /v1.1/queues/jobs/messages?limit=2&echo=true&marker=2",
		"GET /v1.1/queues/jobs/messages?limit=2&echo=true&marker=3",
	}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}

	for range listing {
		break
	}
	if got := s.asked[len(s.asked)-1]; got != want[0] {
		t.Errorf("a second loop begins with %q, want %q", got, want[0])
	}
}

func TestQueuesFollowLinks(t *testing.T) {
	s := play(
		reply{status: 200, body: `{"queues": [{"name": "a", "href": "/v1/queues/a", "metadata": {}}], "links": [{"rel": "next", "href": "/v1/queues?limit=1&detailed=true&marker=a"}]}`},
		reply{status: 204},
	)
	var got []QueueEntry
	for q, err := range newClient(t, s, Config{Version: V1}).Queues(t.Context(), QueueListing{Limit: 1, Detailed: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, q)
	}
	if diff := cmp.Diff([]QueueEntry{{Name: "a", Href: "/v1/queues/a", Metadata: raw("{}")}}, got); diff != "" {
		t.Errorf("queues differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GET /v1/queues?limit=1&detailed=true", "GET /v1/queues?limit=1&detailed=true&marker=a"}, s.asked); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}

func TestQueuePage(t *testing.T) {
	s := play(
		reply{status: 200, body: `{"queues": [{"name": "a", "href": "/v1.1/queues/a"}], "links": [{"rel": "next", "href": "/v1.1/queues?marker=a"}]}`},
		reply{status: 200, body: `{"queues": [{"href": "/v1.1/queues/"}], "links": []}`},
	)
	c := newClient(t, s, Config{})
	page, err := c.QueuePage(t.Context(), QueueListing{Marker: "_"})
	if err != nil || page.Marker != "a" || len(page.Items) != 1 {
		t.Errorf("QueuePage = %+v, %v; want one queue and the marker a", page, err)
	}
	if _, err := c.QueuePage(t.Context(), QueueListing{}); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("QueuePage with a nameless queue: %v, want %v", err, ErrBadAnswer)
	}
}

func TestListingEndsWithAnError(t *testing.T) {
	const here = "/v1.1/queues/jobs/messages"
	tests := []struct {
		name    string
		replies []reply
		seen    int
		err     error
	}{
		{"refused", []reply{{status: 400}}, 0, ErrBadRequest},
		{"refused later", []reply{pageReply(here+"?marker=1", "a"), {status: 503}}, 1, ErrUnavailable},
		{"a link to another server", []reply{pageReply("http://evil.example"+here+"?marker=1", "a")}, 1, ErrBadAnswer},
		{"a link that is no path", []reply{pageReply("mailto:a@b", "a")}, 1, ErrBadAnswer},
		{"a link that can't be parsed", []reply{pageReply("/%zz", "a")}, 1, ErrBadAnswer},
		{"a link to itself", []reply{pageReply(here, "a")}, 1, ErrBadAnswer},
		{"a link to itself later", []reply{pageReply(here+"?marker=1", "a")}, 2, ErrBadAnswer},
		{"no link", []reply{pageReply("", "a")}, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen int
			var last error
			for _, err := range newClient(t, play(tt.replies...), Config{}).Queue("jobs").Messages(t.Context(), MessageListing{}) {
				if last != nil || seen > tt.seen {
					t.Fatalf("the listing goes on after %d messages and %v", seen, last)
				}
				if last = err; err == nil {
					seen++
				}
			}
			if last != nil && !strings.HasPrefix(last.Error(), "list messages: queue jobs: ") {
				t.Errorf("%q doesn't say what was being done", last)
			}
			if seen != tt.seen || !errors.Is(last, tt.err) {
				t.Errorf("%d messages, then %v; want %d, then %v", seen, last, tt.seen, tt.err)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	const messages = "/v1.1/queues/a%2Fb/messages"
	tests := []struct {
		base, href  string
		path, query string
		ok          bool
	}{
		{"http://h:1", messages + "?marker=1&x=a,b", messages, "marker=1&x=a,b", true},
		{"http://h:1/", messages, messages, "", true},
		{"http://h:1", "http://H:1" + messages, messages, "", true},
		{"https://h", "http://h" + messages, messages, "", true}, // behind a gateway that ends TLS
		{"http://h/mq/", messages + "?a", "/mq" + messages, "a", true},
		{"http://h/mq", "/mq" + messages, "/mq" + messages, "", true},
		{"http://h:1", "//other" + messages, "", "", false},
		{"http://h:1", "http://h:2" + messages, "", "", false},
		{"http://h:1", "queues", "", "", false},
		{"http://h:1", "?marker=1", "", "", false},
		{"http://h:1", "", "", "", false},
		{"http://h:1", "\x00", "", "", false},
	}
	for _, tt := range tests {
		c, err := New(tt.base, Config{})
		if err != nil {
			t.Fatal(err)
		}
		path, query, err := c.resolve(tt.href)
		if path != tt.path || query != tt.query || (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrBadAnswer) {
			t.Errorf("resolve(%q) at %s = %q, %q, %v; want %q, %q, ok %v", tt.href, tt.base, path, query, err, tt.path, tt.query, tt.ok)
		}
	}
}

// A name's predecessor lies behind all names before it.
func TestBefore(t *testing.T) {
	names := []string{"-", ".", "0", "9", "9zzz", "A", "Z", "Zz", "_", "__", "_zz", "a", "a-", "a.", "a0", "aZzz", "a_", "az", "azz", "b", "ba", "z", "z-", "zz"}
	for i, name := range names {
		marker := before(name)
		if marker >= name {
			t.Errorf("before(%q) = %q, which is not before it", name, marker)
		}
		if i > 0 && marker <= names[i-1] {
			t.Errorf("before(%q) = %q, which is not behind %q", name, marker, names[i-1])
		}
	}
}

func TestTailWaitsAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const next = "/v1.1/queues/jobs/messages?marker="
		s := play(pageReply(""), pageReply(next+"1", "a"), reply{status: 503}, pageReply(next+"2", "b"), pageReply(""))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()

		start := time.Now()
		var got []string
		for m, err := range newClient(t, s, Config{}).Queue("jobs").Tail(ctx, MessageListing{Marker: "0"}, 3*time.Second) {
			at := time.Since(start)
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				got = append(got, fmt.Sprint(at, " the end"))
			case errors.Is(err, ErrUnavailable):
				got = append(got, fmt.Sprint(at, " trouble"))
			default:
				got = append(got, fmt.Sprint(at, " ", m.ID))
			}
		}
		if diff := cmp.Diff([]string{"3s a", "3s trouble", "6s b", "10s the end"}, got); diff != "" {
			t.Errorf("what the loop saw differs (-want +got):\n%s", diff)
		}
		want := []string{"0", "0", "1", "1", "2", "2"}
		for i, asked := range s.asked {
			if i >= len(want) || asked != "GET "+next+want[i] {
				t.Errorf("request %d is %q, want marker %v", i, asked, want)
			}
		}
	})
}

func TestTailEnds(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		replies []reply
		stop    int // after how many turns the loop ends by itself
		seen    []MessageID
		err     error
	}{
		{"with its context", cancelled, []reply{pageReply("")}, 9, []MessageID{""}, context.Canceled},
		{"with the loop, at an error", t.Context(), []reply{{status: 400}}, 1, []MessageID{""}, ErrBadRequest},
		{"with the loop, at a message", t.Context(), []reply{pageReply("/?marker=1", "a", "b")}, 1, []MessageID{"a"}, nil},
		{"with the loop, at a page without a marker", t.Context(), []reply{pageReply("", "a")}, 1, []MessageID{""}, ErrBadAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := play(tt.replies...)
			var seen []MessageID
			var last error
			for m, err := range newClient(t, s, Config{}).Queue("jobs").Tail(tt.ctx, MessageListing{}, 0) {
				seen, last = append(seen, m.ID), err
				if len(seen) == tt.stop {
					break
				}
			}
			if !cmp.Equal(seen, tt.seen) || !errors.Is(last, tt.err) {
				t.Errorf("saw %q, then %v; want %q, then %v", seen, last, tt.seen, tt.err)
			}
			if len(s.asked) > 1 {
				t.Errorf("asked %d times, want 1", len(s.asked))
			}
		})
	}
}

// A Tail is a listing, not a reader: each loop over it begins at the marker that it was made with.
func TestTailBeginsAnew(t *testing.T) {
	s := play(pageReply("/?marker=1", "a"), reply{status: 400}, pageReply("/?marker=1", "a"))
	tail := newClient(t, s, Config{}).Queue("jobs").Tail(t.Context(), MessageListing{Marker: "0"}, 0)
	for _, err := range tail {
		if err != nil {
			break
		}
	}
	for range tail {
		break
	}
	const messages = "GET /v1.1/queues/jobs/messages?marker="
	if diff := cmp.Diff([]string{messages + "0", messages + "1", messages + "0"}, s.asked); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}
