package client

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	id1  = "50b68a50d6f5b8c8a7c62b01"
	id2  = "50b68a50d6f5b8c8a7c62b02"
	cid1 = "51db7067821e727dc24df754"
)

// A conversation is one call of the package, what it puts on the wire, and what it makes of the answer.
type conversation struct {
	name    string
	version Version
	do      func(context.Context, *Client) (any, error)
	asked   []string
	replies []reply
	want    any
	err     error // by errors.Is
}

func (c conversation) run(t *testing.T) {
	s := play(c.replies...)
	got, err := c.do(t.Context(), newClient(t, s, Config{Version: c.version}))
	if !errors.Is(err, c.err) {
		t.Errorf("err = %v, want %v", err, c.err)
	}
	ignore := cmp.Options{
		cmpopts.IgnoreUnexported(Claim{}, Page[Message]{}, Page[QueueEntry]{}), cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(c.want, got, ignore); diff != "" {
		t.Errorf("result differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.asked, s.asked, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}

func runAll(t *testing.T, conversations []conversation) {
	for _, c := range conversations {
		t.Run(c.name+" in "+string(c.version), c.run)
	}
}

// nothing turns a call that gives only an error into one of a conversation.
func nothing(err error) (any, error) { return nil, err }

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func TestQueueConversations(t *testing.T) {
	metadata := raw(`{"colour":"red"}`)
	create := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Create(ctx, metadata) }
	exists := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Exists(ctx) }
	getMetadata := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Metadata(ctx) }
	setMetadata := func(ctx context.Context, c *Client) (any, error) {
		return nothing(c.Queue("jobs").SetMetadata(ctx, metadata))
	}
	remove := func(ctx context.Context, c *Client) (any, error) { return nothing(c.Queue("jobs").Delete(ctx)) }

	runAll(t, []conversation{
		{"create", V11, create, []string{`PUT /v1.1/queues/jobs {"colour":"red"}`}, []reply{{status: 201}}, true, nil},
		{"create one that exists", V11, create, []string{`PUT /v1.1/queues/jobs {"colour":"red"}`}, []reply{{status: 204}}, false, nil},
		{"create", V1, create, []string{"PUT /v1/queues/jobs", `PUT /v1/queues/jobs/metadata {"colour":"red"}`},
			[]reply{{status: 201}, {status: 204}}, true, nil},
		{"create one that exists", V1, create, []string{"PUT /v1/queues/jobs"}, []reply{{status: 204}}, false, nil},
		{"create without success for metadata", V1, create,
			[]string{"PUT /v1/queues/jobs", `PUT /v1/queues/jobs/metadata {"colour":"red"}`},
			[]reply{{status: 201}, {status: 400}}, true, ErrBadRequest},
		{"create under a bad name", V11, func(ctx context.Context, c *Client) (any, error) { return c.Queue("a b/汉").Create(ctx, nil) },
			[]string{"PUT /v1.1/queues/a%20b%2F%E6%B1%89"}, []reply{{status: 400}}, false, ErrBadRequest},
		{"create without a name", V11, func(ctx context.Context, c *Client) (any, error) { return c.Queue("").Create(ctx, nil) },
			nil, nil, false, errNoName},

		{"exists", V1, exists, []string{"HEAD /v1/queues/jobs"}, []reply{{status: 204}}, true, nil},
		{"exists not", V1, exists, []string{"HEAD /v1/queues/jobs"}, []reply{{status: 404}}, false, nil},
		{"exists, unknown", V1, exists, []string{"HEAD /v1/queues/jobs"}, []reply{{status: 503}}, false, ErrUnavailable},
		{"exists", V11, exists, []string{"GET /v1.1/queues?marker=jobr~&limit=1"}, []reply{{status: 200, body: `{"queues":
			[{"name":"jobs","href":"/v1.1/queues/jobs"}],"links":[]}`}}, true, nil},
		{"exists not", V11, exists, []string{"GET /v1.1/queues?marker=jobr~&limit=1"}, []reply{{status: 200, body: `{"queues":
			[{"name":"jobs2","href":"/v1.1/queues/jobs2"}],"links":[]}`}}, false, nil},
		{"exists not, nor any behind", V11, exists, []string{"GET /v1.1/queues?marker=jobr~&limit=1"},
			[]reply{{status: 200, body: `{"queues":[],"links":[]}`}}, false, nil},
		{"exists without a name", V11, func(ctx context.Context, c *Client) (any, error) { return c.Queue("").Exists(ctx) },
			nil, nil, false, errNoName},
		{"exists, answer broken", V11, exists, []string{"GET /v1.1/queues?marker=jobr~&limit=1"},
			[]reply{{status: 200, body: `[]`}}, false, ErrBadAnswer},

		{"metadata", V1, getMetadata, []string{"GET /v1/queues/jobs/metadata"}, []reply{{status: 200, body: `{"a": 1e400}`}}, raw(`{"a": 1e400}`), nil},
		{"metadata", V11, getMetadata, []string{"GET /v1.1/queues/jobs"}, []reply{{status: 200, body: `{}`}}, raw(`{}`), nil},
		{"metadata of no queue", V1, getMetadata, []string{"GET /v1/queues/jobs/metadata"}, []reply{{status: 404}}, raw(""), ErrNotFound},
		{"metadata that are none", V11, getMetadata, []string{"GET /v1.1/queues/jobs"}, []reply{{status: 200, body: `null`}}, raw(""), ErrBadAnswer},
		{"set metadata", V1, setMetadata, []string{`PUT /v1/queues/jobs/metadata {"colour":"red"}`}, []reply{{status: 204}}, nil, nil},
		{"set metadata", V11, setMetadata, nil, nil, nil, ErrNotInVersion},

		{"delete", V1, remove, []string{"DELETE /v1/queues/jobs"}, []reply{{status: 204}}, nil, nil},
		{"delete", V11, remove, []string{"DELETE /v1.1/queues/jobs"}, []reply{{status: 204}}, nil, nil},
	})
}

func TestStatsConversations(t *testing.T) {
	stats := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Stats(ctx) }
	runAll(t, []conversation{
		{"stats", V1, stats, []string{"GET /v1/queues/jobs/stats"}, []reply{{status: 200, body: `{"messages": {"claimed": 1, "free": 2, "total": 3,
			"oldest": {"href": "/v1/queues/jobs/messages/` + id1 + `", "age": 63, "created": "2015-03-01T10:00:00Z"},
			"newest": {"href": "/v1/queues/jobs/messages/` + id2 + `", "age": 12, "created": "2015-03-01T10:00:51Z"}}}`}},
			Stats{Free: 2, Claimed: 1, Total: 3,
				Oldest: &MessageStats{id1, 63 * time.Second, time.Date(2015, 3, 1, 10, 0, 0, 0, time.UTC)},
				Newest: &MessageStats{id2, 12 * time.Second, time.Date(2015, 3, 1, 10, 0, 51, 0, time.UTC)}}, nil},
		{"stats of an empty queue", V11, stats, []string{"GET /v1.1/queues/jobs/stats"},
			[]reply{{status: 200, body: `{"messages": {"claimed": 0, "free": 0, "total": 0}}`}}, Stats{}, nil},
		{"stats of no queue", V1, stats, []string{"GET /v1/queues/jobs/stats"}, []reply{{status: 404}}, Stats{}, ErrNotFound},
		{"stats without counts", V11, stats, []string{"GET /v1.1/queues/jobs/stats"}, []reply{{status: 200, body: `{}`}}, Stats{}, ErrBadAnswer},
	})
}

func TestPostConversations(t *testing.T) {
	post := func(messages ...NewMessage) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Post(ctx, messages...) }
	}
	two := post(NewMessage{TTL: 299500 * time.Millisecond, Body: raw(`{"job": 7, "of": "<a>"}`)}, NewMessage{})
	posted := func(prefix string) []reply {
		return []reply{{status: 201, headers: "Location: " + prefix + "/queues/jobs/messages?ids=" + id1 + "," + id2,
			body: `{"resources": ["` + prefix + `/queues/jobs/messages/` + id1 + `", "` + prefix + `/queues/jobs/messages/` + id2 + `"], "partial": false}`}}
	}
	none := []MessageID(nil)
	runAll(t, []conversation{
		{"post", V1, two, []string{`POST /v1/queues/jobs/messages [{"ttl":300,"body":{"job": 7, "of": "<a>"}},{"ttl":3600,"body":null}]`},
			posted("/v1"), []MessageID{id1, id2}, nil},
		{"post", V11, two, []string{`POST /v1.1/queues/jobs/messages {"messages":[{"ttl":300,"body":{"job": 7, "of": "<a>"}},{"body":null}]}`},
			posted("/v1.1"), []MessageID{id1, id2}, nil},
		{"post to no queue", V1, post(NewMessage{Body: raw("1")}), []string{`POST /v1/queues/jobs/messages [{"ttl":3600,"body":1}]`},
			[]reply{{status: 404}}, none, ErrNotFound},
		{"post nothing", V11, post(), []string{`POST /v1.1/queues/jobs/messages {"messages":[]}`}, []reply{{status: 400}}, none, ErrBadRequest},
		{"post, one confirmed of two", V11, two, []string{`POST /v1.1/queues/jobs/messages {"messages":[{"ttl":300,"body":{"job": 7, "of": "<a>"}},{"body":null}]}`},
			[]reply{{status: 201, body: `{"resources": ["/v1.1/queues/jobs/messages/1"]}`}}, none, ErrBadAnswer},
		{"post, one confirmed without an ID", V11, post(NewMessage{TTL: -time.Minute}), []string{`POST /v1.1/queues/jobs/messages {"messages":[{"ttl":-60,"body":null}]}`},
			[]reply{{status: 201, body: `{"resources": ["/v1.1/queues/jobs/messages/"]}`}}, none, ErrBadAnswer},
	})
}

// A body with more than one value in it would become messages of its own.
func TestBodyThatIsNoValueIsNotSent(t *testing.T) {
	for _, text := range []string{`1},{"body":2`, `{`, `nul`, ` `, "1 2"} {
		s := play(reply{status: 201})
		_, err := newClient(t, s, Config{}).Queue("jobs").Post(t.Context(), NewMessage{Body: raw("1")}, NewMessage{Body: raw(text)})
		if err == nil || len(s.asked) != 0 {
			t.Errorf("Post of %q: err = %v, sent %q; want an error and nothing sent", text, err, s.asked)
		}
	}
}

func TestMessageConversations(t *testing.T) {
	get := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Message(ctx, id1) }
	getMany := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").MessagesByID(ctx, id1, id2) }
	page := func(ctx context.Context, c *Client) (any, error) {
		return c.Queue("jobs").MessagePage(ctx, MessageListing{Marker: "a+b", Limit: 3, Echo: true, IncludeClaimed: true})
	}
	pop := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Pop(ctx, 2) }
	remove := func(id MessageID, claim ClaimID) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.Queue("jobs").DeleteMessage(ctx, id, claim))
		}
	}
	removeMany := func(ids ...MessageID) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.Queue("jobs").DeleteMessages(ctx, ids...))
		}
	}
	const old = `{"href": "/v1/queues/jobs/messages/` + id1 + `", "ttl": 300, "age": 4, "body": null}`
	oldMessage := Message{ID: id1, Href: "/v1/queues/jobs/messages/" + id1, TTL: 5 * time.Minute, Age: 4 * time.Second, Body: raw("null")}
	const held = `{"id": "` + id1 + `", "href": "/v1.1/queues/jobs/messages/` + id1 + `?claim_id=` + cid1 + `", "ttl": 300, "age": 4, "body": "hi", "checksum": "MD5:00"}`
	heldMessage := Message{ID: id1, Href: "/v1.1/queues/jobs/messages/" + id1 + "?claim_id=" + cid1, TTL: 5 * time.Minute, Age: 4 * time.Second,
		Body: raw(`"hi"`), Claim: cid1, Checksum: "MD5:00"}

	runAll(t, []conversation{
		{"get", V1, get, []string{"GET /v1/queues/jobs/messages/" + id1}, []reply{{status: 200, body: old}}, oldMessage, nil},
		{"get a claimed one", V11, get, []string{"GET /v1.1/queues/jobs/messages/" + id1}, []reply{{status: 200, body: held}}, heldMessage, nil},
		{"get what is gone", V11, get, []string{"GET /v1.1/queues/jobs/messages/" + id1}, []reply{{status: 404}}, Message{}, ErrNotFound},
		{"get without an ID", V11, func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Message(ctx, "") },
			nil, nil, Message{}, errNoID},

		{"get many", V1, getMany, []string{"GET /v1/queues/jobs/messages?ids=" + id1 + "," + id2}, []reply{{status: 200, body: "[" + old + "]"}}, []Message{oldMessage}, nil},
		{"get many", V11, getMany, []string{"GET /v1.1/queues/jobs/messages?ids=" + id1 + "," + id2},
			[]reply{{status: 200, body: `{"messages": [` + held + `]}`}}, []Message{heldMessage}, nil},
		{"get many, none there", V1, getMany, []string{"GET /v1/queues/jobs/messages?ids=" + id1 + "," + id2}, []reply{{status: 204}}, []Message(nil), nil},
		{"get many, none there", V11, getMany, []string{"GET /v1.1/queues/jobs/messages?ids=" + id1 + "," + id2}, []reply{{status: 404}}, []Message(nil), nil},
		{"get many, refused", V1, getMany, []string{"GET /v1/queues/jobs/messages?ids=" + id1 + "," + id2}, []reply{{status: 404}}, []Message(nil), ErrNotFound},
		{"get many, wrong form", V11, getMany, []string{"GET /v1.1/queues/jobs/messages?ids=" + id1 + "," + id2},
			[]reply{{status: 200, body: `{}`}}, []Message(nil), ErrBadAnswer},

		{"page", V1, page, []string{"GET /v1/queues/jobs/messages?marker=a%2Bb&limit=3&echo=true&include_claimed=true"},
			[]reply{{status: 200, body: `{"messages": [` + old + `], "links": [{"rel": "next", "href": "/v1/queues/jobs/messages?marker=a%2Bc&limit=3"}]}`}},
			Page[Message]{Items: []Message{oldMessage}, Marker: "a+c"}, nil},
		{"page, empty", V1, page, []string{"GET /v1/queues/jobs/messages?marker=a%2Bb&limit=3&echo=true&include_claimed=true"},
			[]reply{{status: 204}}, Page[Message]{}, nil},
		{"page, empty", V11, page, []string{"GET /v1.1/queues/jobs/messages?marker=a%2Bb&limit=3&echo=true&include_claimed=true"},
			[]reply{{status: 200, body: `{"messages": [], "links": []}`}}, Page[Message]{}, nil},
		{"page without a list", V11, page, []string{"GET /v1.1/queues/jobs/messages?marker=a%2Bb&limit=3&echo=true&include_claimed=true"},
			[]reply{{status: 200, body: `{"links": []}`}}, Page[Message]{}, ErrBadAnswer},

		{"delete", V1, remove(id1, ""), []string{"DELETE /v1/queues/jobs/messages/" + id1}, []reply{{status: 204}}, nil, nil},
		{"delete with a claim", V11, remove(id1, cid1), []string{"DELETE /v1.1/queues/jobs/messages/" + id1 + "?claim_id=" + cid1}, []reply{{status: 204}}, nil, nil},
		{"delete what is claimed", V11, remove(id1, ""), []string{"DELETE /v1.1/queues/jobs/messages/" + id1}, []reply{{status: 403}}, nil, ErrForbidden},
		{"delete without an ID", V11, remove("", cid1), nil, nil, nil, errNoID},
		{"delete many", V1, removeMany(id1, "a,b"), []string{"DELETE /v1/queues/jobs/messages?ids=" + id1 + ",a%2Cb"}, []reply{{status: 204}}, nil, nil},
		{"delete many with an empty ID", V11, removeMany(id1, ""), nil, nil, nil, errNoID},

		{"pop", V1, pop, nil, nil, []Message(nil), ErrNotInVersion},
		{"pop", V11, pop, []string{"DELETE /v1.1/queues/jobs/messages?pop=2"},
			[]reply{{status: 200, body: `{"messages": [{"id": "` + id1 + `", "ttl": 300, "age": 9, "body": {"job": 7}, "claim_count": 3, "claim_id": null}]}`}},
			[]Message{{ID: id1, TTL: 5 * time.Minute, Age: 9 * time.Second, Body: raw(`{"job": 7}`), ClaimCount: 3}}, nil},
		{"pop, nothing there", V11, pop, []string{"DELETE /v1.1/queues/jobs/messages?pop=2"}, []reply{{status: 200, body: `{"messages": []}`}}, []Message(nil), nil},
		{"pop, a message without an ID", V11, pop, []string{"DELETE /v1.1/queues/jobs/messages?pop=2"}, []reply{{status: 200, body: `{"messages": [{}]}`}},
			[]Message(nil), ErrBadAnswer},
	})
}

func TestIDsMustBeGiven(t *testing.T) {
	s := play(reply{status: 204})
	q := newClient(t, s, Config{}).Queue("jobs")
	if err := q.DeleteMessages(t.Context()); err == nil {
		t.Error("DeleteMessages() without IDs: no error")
	}
	if _, err := q.MessagesByID(t.Context()); err == nil {
		t.Error("MessagesByID() without IDs: no error")
	}
	if len(s.asked) != 0 {
		t.Errorf("sent %q, want nothing", s.asked)
	}
}

func TestClaimConversations(t *testing.T) {
	claim := func(r ClaimRequest) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").Claim(ctx, r) }
	}
	get := func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").ClaimByID(ctx, cid1) }
	update := func(u ClaimUpdate) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.Queue("jobs").UpdateClaim(ctx, cid1, u))
		}
	}
	release := func(ctx context.Context, c *Client) (any, error) {
		return nothing(c.Queue("jobs").ReleaseClaim(ctx, cid1))
	}
	const oldList = `[{"href": "/v1/queues/jobs/messages/` + id1 + `?claim_id=` + cid1 + `", "ttl": 360, "age": 9, "body": {"job": 7}}]`
	oldMessages := []Message{{ID: id1, Href: "/v1/queues/jobs/messages/" + id1 + "?claim_id=" + cid1, TTL: 6 * time.Minute, Age: 9 * time.Second,
		Body: raw(`{"job": 7}`), Claim: cid1}}
	const list = `{"messages": [{"id": "` + id1 + `", "href": "/v1.1/queues/jobs/messages/` + id1 + `?claim_id=` + cid1 + `", "ttl": 3600, "age": 2, "body": "hi"}]}`
	messages := []Message{{ID: id1, Href: "/v1.1/queues/jobs/messages/" + id1 + "?claim_id=" + cid1, TTL: time.Hour, Age: 2 * time.Second, Body: raw(`"hi"`), Claim: cid1}}
	all := ClaimRequest{TTL: time.Minute, Grace: 2 * time.Minute, Limit: 2}

	runAll(t, []conversation{
		{"claim", V1, claim(all), []string{`POST /v1/queues/jobs/claims?limit=2 {"ttl":60,"grace":120}`},
			[]reply{{status: 201, headers: "Location: /v1/queues/jobs/claims/" + cid1, body: oldList}}, &Claim{ID: cid1, TTL: time.Minute, Messages: oldMessages}, nil},
		{"claim by defaults", V1, claim(ClaimRequest{}), []string{`POST /v1/queues/jobs/claims {"ttl":300,"grace":60}`},
			[]reply{{status: 201, headers: "Location: /v1/queues/jobs/claims/" + cid1, body: oldList}}, &Claim{ID: cid1, TTL: 5 * time.Minute, Messages: oldMessages}, nil},
		{"claim by defaults", V11, claim(ClaimRequest{}), []string{`POST /v1.1/queues/jobs/claims {}`},
			[]reply{{status: 201, headers: "Location: /v1.1/queues/jobs/claims/" + cid1, body: list}}, &Claim{ID: cid1, Messages: messages}, nil},
		{"claim without a location", V11, claim(ClaimRequest{TTL: time.Minute}), []string{`POST /v1.1/queues/jobs/claims {"ttl":60}`},
			[]reply{{status: 201, body: list}}, &Claim{ID: cid1, TTL: time.Minute, Messages: messages}, nil},
		{"claim without any ID", V11, claim(ClaimRequest{Grace: time.Minute}), []string{`POST /v1.1/queues/jobs/claims {"grace":60}`},
			[]reply{{status: 201, body: `{"messages": [{"id": "a"}]}`}}, (*Claim)(nil), ErrBadAnswer},
		{"claim, nothing there", V1, claim(all), []string{`POST /v1/queues/jobs/claims?limit=2 {"ttl":60,"grace":120}`}, []reply{{status: 204}}, &Claim{}, nil},
		{"claim, refused", V11, claim(all), []string{`POST /v1.1/queues/jobs/claims?limit=2 {"ttl":60,"grace":120}`}, []reply{{status: 400}}, (*Claim)(nil), ErrBadRequest},

		{"get", V1, get, []string{"GET /v1/queues/jobs/claims/" + cid1},
			[]reply{{status: 200, body: `{"age": 19, "ttl": 30, "href": "/v1/queues/jobs/claims/` + cid1 + `", "messages": ` + oldList + `}`}},
			&Claim{ID: cid1, TTL: 30 * time.Second, Age: 19 * time.Second, Messages: oldMessages}, nil},
		{"get what has ended", V11, get, []string{"GET /v1.1/queues/jobs/claims/" + cid1}, []reply{{status: 404}}, (*Claim)(nil), ErrNotFound},
		{"update", V11, update(ClaimUpdate{TTL: time.Minute, Grace: time.Minute}), []string{"PATCH /v1.1/queues/jobs/claims/" + cid1 + ` {"ttl":60,"grace":60}`},
			[]reply{{status: 204}}, nil, nil},
		{"update to the defaults", V11, update(ClaimUpdate{}), []string{"PATCH /v1.1/queues/jobs/claims/" + cid1 + ` {}`}, []reply{{status: 204}}, nil, nil},
		{"update to the defaults", V1, update(ClaimUpdate{}), []string{"PATCH /v1/queues/jobs/claims/" + cid1 + ` {"ttl":300,"grace":60}`}, []reply{{status: 404}}, nil, ErrNotFound},
		{"get without an ID", V11, func(ctx context.Context, c *Client) (any, error) { return c.Queue("jobs").ClaimByID(ctx, "") },
			nil, nil, (*Claim)(nil), errNoID},
		{"release without an ID", V11, func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.Queue("jobs").ReleaseClaim(ctx, ""))
		}, nil, nil, nil, errNoID},
		{"release", V1, release, []string{"DELETE /v1/queues/jobs/claims/" + cid1}, []reply{{status: 204}}, nil, nil},
	})
}

// A claim's own methods name it, and one that found nothing can't delete what others hold or nobody does.
func TestClaimMethods(t *testing.T) {
	s := play(reply{status: 201, headers: "Location: /v1.1/queues/jobs/claims/" + cid1, body: `{"messages": [{"id": "` + id1 + `"}]}`}, reply{status: 204})
	q := newClient(t, s, Config{}).Queue("jobs")
	claim, err := q.Claim(t.Context(), ClaimRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Update":  claim.Update(t.Context(), ClaimUpdate{TTL: time.Minute}),
		"Delete":  claim.Delete(t.Context(), id1),
		"Release": claim.Release(t.Context()),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	empty, err := q.Claim(t.Context(), ClaimRequest{})
	if err != nil {
		t.Fatal(err)
	}
	asked := len(s.asked)
	if err := empty.Release(t.Context()); err != nil {
		t.Errorf("Release of a claim that found nothing: %v", err)
	}
	if err := empty.Delete(t.Context(), id1); !errors.Is(err, errNotClaimed) {
		t.Errorf("Delete with a claim that found nothing: %v, want %v", err, errNotClaimed)
	}
	if err := empty.Update(t.Context(), ClaimUpdate{}); !errors.Is(err, errNoID) {
		t.Errorf("Update of a claim that found nothing: %v, want %v", err, errNoID)
	}
	if len(s.asked) != asked {
		t.Errorf("a claim that found nothing sent %q", s.asked[asked:])
	}
}

func TestServiceConversations(t *testing.T) {
	ping := func(ctx context.Context, c *Client) (any, error) { return nothing(c.Ping(ctx)) }
	home := func(ctx context.Context, c *Client) (any, error) { return c.Home(ctx) }
	versions := func(ctx context.Context, c *Client) (any, error) { return c.Versions(ctx) }
	health := func(ctx context.Context, c *Client) (any, error) { return c.Health(ctx) }
	const store = `"storage_reachable": true, "message_volume": {"free": 3, "claimed": 1, "total": 4},
		"operation_status": {"create_queue": {"succeeded": true, "seconds": 0.002, "ref": null}, "delete_queue": {"succeeded": false, "seconds": 1, "ref": "r"}}`
	storeHealth := StoreHealth{Reachable: true, Volume: Volume{3, 1, 4}, Operations: map[string]OperationHealth{
		"create_queue": {Succeeded: true, Seconds: 0.002}, "delete_queue": {Seconds: 1, Ref: "r"},
	}}

	runAll(t, []conversation{
		{"ping", V1, ping, []string{"GET /v1/health"}, []reply{{status: 204}}, nil, nil},
		{"ping", V11, ping, []string{"GET /v1.1/ping"}, []reply{{status: 204}}, nil, nil},
		{"ping, store down", V11, ping, []string{"GET /v1.1/ping"}, []reply{{status: 503}}, nil, ErrUnavailable},
		{"health", V1, health, nil, nil, Health{}, ErrNotInVersion},
		{"health", V11, health, []string{"GET /v1.1/health"}, []reply{{status: 200, body: `{` + store + `}`}},
			Health{Stores: map[string]StoreHealth{"": storeHealth}}, nil},
		{"health with pools", V11, health, []string{"GET /v1.1/health"}, []reply{{status: 200, body: `{"catalog_reachable": true, "pool_1": {` + store + `}}`}},
			Health{Pooled: true, CatalogReachable: true, Stores: map[string]StoreHealth{"pool_1": storeHealth}}, nil},
		{"health, broken pool", V11, health, []string{"GET /v1.1/health"}, []reply{{status: 200, body: `{"catalog_reachable": true, "pool_1": 1}`}}, Health{}, ErrBadAnswer},
		{"health, not in admin mode", V11, health, []string{"GET /v1.1/health"}, []reply{{status: 404}}, Health{}, ErrNotFound},
		{"home", V1, home, []string{"GET /v1/"}, []reply{{status: 200, headers: "Content-Type: application/json-home", body: `{"resources": {"rel/claim":
			{"href-template": "/v1/queues/{queue_name}/claims{?limit}", "href-vars": {"limit": "param/claim_limit"},
			"hints": {"allow": ["POST"], "formats": {"application/json": {}}, "accept-post": ["application/json"]}}}}`}},
			Home{map[string]HomeResource{"rel/claim": {
				HrefTemplate: "/v1/queues/{queue_name}/claims{?limit}", HrefVars: map[string]string{"limit": "param/claim_limit"},
				Hints: HomeHints{Allow: []string{"POST"}, Formats: map[string]json.RawMessage{"application/json": raw("{}")}, AcceptPost: []string{"application/json"}},
			}}}, nil},
		{"home, cut", V11, home, []string{"GET /v1.1/"}, []reply{{status: 200, body: `{"resources":`}}, Home{}, ErrBadAnswer},
		{"versions", V11, versions, []string{"GET /"}, []reply{{status: 300, body: `{"versions": [{"id": "1", "status": "DEPRECATED",
			"updated": "2014-9-11T17:47:05Z", "links": [{"href": "/v1/", "rel": "self"}]}]}`}},
			[]VersionInfo{{ID: "1", Status: "DEPRECATED", Updated: "2014-9-11T17:47:05Z", Links: []VersionLink{{Href: "/v1/", Rel: "self"}}}}, nil},
	})
}
