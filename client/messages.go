package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A MessageID names a message in its queue. It is opaque.
type MessageID string

// A NewMessage is a message to be posted.
type NewMessage struct {
	// TTL is how long the message lives, rounded up to whole seconds; at least a minute. 0: an hour, or what the server
	// is set up for.
	TTL time.Duration
	// Body is one JSON value, which readers get back as it is; [Encode] makes it of a Go value. Empty: null.
	Body json.RawMessage
}

// A Message is a message as the server shows it.
type Message struct {
	ID    MessageID
	Href  string          // as the server gave it; "" if the message was popped
	TTL   time.Duration   // as posted, or as a claim has raised it
	Age   time.Duration   // since it was posted, in whole seconds
	Body  json.RawMessage // one JSON value; [Decode] makes a Go value of it
	Claim ClaimID         // that holds it, if the answer says so: API v1.0 does in claims only
	// ClaimCount is how often it has been claimed; only popped messages tell.
	ClaimCount int
	Checksum   string // "MD5:" and hexadecimal digits, if the server makes checksums
}

// Post adds messages in order, all or none, and returns their IDs in that order. The whole request may have 256 KiB
// unless the server is set up otherwise.
//
// In API v1.0 the queue must exist, else [ErrNotFound]; in API v1.1 it is made. After a [*TransportError] the messages
// may have been posted.
func (q *Queue) Post(ctx context.Context, messages ...NewMessage) ([]MessageID, error) {
	k := call{op: OpPost, queue: q.name, method: http.MethodPost, route: routeMessages, path: q.messages}
	var err error
	if k.body, err = q.client.dialect.encodePost(messages); err != nil {
		return nil, k.wrap(err)
	}
	a, err := q.do(ctx, k)
	if err != nil {
		return nil, err
	}
	ids, err := decodePosted(a.body, len(messages))
	if err != nil {
		return nil, k.wrap(err)
	}
	return ids, nil
}

// MessageListing says which messages to list.
type MessageListing struct {
	Marker         string // the place behind which to start: a [Page]'s Marker; empty: the oldest message
	Limit          int    // messages on a page; 0: the server's default, 10. Servers refuse more than 20 unless set up otherwise
	Echo           bool   // also those that this client has posted
	IncludeClaimed bool   // also those under a claim
}

func (l MessageListing) query() string {
	return string(query{}.with("marker", l.Marker).withNumber("limit", l.Limit).
		withFlag("echo", l.Echo).withFlag("include_claimed", l.IncludeClaimed))
}

// Messages lists messages from the oldest to the newest, page after page, as the loop asks for them. Listing changes
// nothing. Without the queue there are none. An error ends it.
func (q *Queue) Messages(ctx context.Context, l MessageListing) iter.Seq2[Message, error] {
	return walk(q.client, q.list(l), func(k call) (Page[Message], error) { return q.messagePage(ctx, k) })
}

// MessagePage lists one page of messages. Its Marker, if it has one, is the place to go on from, now or later; what
// comes behind it has not been seen.
func (q *Queue) MessagePage(ctx context.Context, l MessageListing) (Page[Message], error) {
	return q.messagePage(ctx, q.list(l))
}

func (q *Queue) list(l MessageListing) call {
	return call{
		op: OpListMessages, queue: q.name, method: http.MethodGet, route: routeMessages, path: q.messages, query: l.query(),
	}
}

func (q *Queue) messagePage(ctx context.Context, k call) (Page[Message], error) {
	a, err := q.do(ctx, k)
	if err != nil {
		return Page[Message]{}, err
	}
	page, err := decodeMessages(a.body)
	if err != nil {
		return Page[Message]{}, k.wrap(err)
	}
	return page, nil
}

// Tail lists messages as Messages does, and then waits for more: while there is nothing new it asks again every so
// often; 0 is a second. It ends when the loop does, or with the context's error.
//
// No other error ends it: a loop that goes on after one makes it ask again, after the same wait, for what it has not
// seen yet; so the loop decides which errors to bear with. A reader that must find its place again after a restart keeps
// the Marker of [Queue.MessagePage] instead.
func (q *Queue) Tail(ctx context.Context, l MessageListing, every time.Duration) iter.Seq2[Message, error] {
	if every <= 0 {
		every = time.Second
	}
	return func(yield func(Message, error) bool) {
		l := l // the loop may be run again
		for {
			page, err := q.tailPage(ctx, l)
			switch {
			case err != nil:
				if !yield(Message{}, err) || ctx.Err() != nil {
					return
				}
			case len(page.Items) > 0:
				if !yieldAll(page.Items, yield) {
					return
				}
				l.Marker = page.Marker
				continue
			}
			if ended := pause(ctx, every); ended != nil {
				yield(Message{}, q.list(l).wrap(ended))
				return
			}
		}
	}
}

// tailPage lists a page that can be gone on from.
func (q *Queue) tailPage(ctx context.Context, l MessageListing) (Page[Message], error) {
	page, err := q.MessagePage(ctx, l)
	if err == nil && len(page.Items) > 0 && page.Marker == "" {
		// Going on regardless would show the same messages for ever.
		err = q.list(l).wrap(fmt.Errorf("%w: a page without a marker", ErrBadAnswer))
	}
	return page, err
}

// Message gives one message, claimed or not. [ErrNotFound]: it is gone, or never was.
func (q *Queue) Message(ctx context.Context, id MessageID) (Message, error) {
	k := call{op: OpGetMessage, queue: q.name, method: http.MethodGet, route: routeMessage}
	var err error
	if k.path, err = below(q.messages, string(id)); err != nil {
		return Message{}, k.wrap(err)
	}
	a, err := q.do(ctx, k)
	if err != nil {
		return Message{}, err
	}
	m, err := decodeMessage(a.body)
	if err != nil {
		return Message{}, k.wrap(err)
	}
	return m, nil
}

// MessagesByID gives messages, claimed or not. Those that are gone are left out, and if all are, that is no error. Servers
// refuse more than 20 IDs unless set up otherwise.
func (q *Queue) MessagesByID(ctx context.Context, ids ...MessageID) ([]Message, error) {
	k := call{op: OpGetMessages, queue: q.name, method: http.MethodGet, route: routeMessages, path: q.messages}
	var err error
	if k.query, err = idsQuery(ids); err != nil {
		return nil, k.wrap(err)
	}
	a, err := q.do(ctx, k)
	if e := new(Error); errors.As(err, &e) && e.Status == q.client.dialect.noneFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return q.readMessages(k, a)
}

// readMessages reads messages that are no page; no body is none.
func (q *Queue) readMessages(k call, a answer) ([]Message, error) {
	if len(a.body) == 0 {
		return nil, nil
	}
	wire, err := q.client.dialect.messages(a.body)
	if err != nil {
		return nil, k.wrap(err)
	}
	messages, err := convert(wire, wireMessage.message)
	if err != nil {
		return nil, k.wrap(err)
	}
	return messages, nil
}

// DeleteMessage removes a message. One that is gone already is no error. A claimed message needs the claim that holds
// it; one that is free goes without, so that claim is empty for it.
//
// [ErrForbidden]: the message is held by another claim than the one given. [ErrBadRequest]: the claim that was given
// has ended, or has lost the message. In both cases the message stays.
func (q *Queue) DeleteMessage(ctx context.Context, id MessageID, claim ClaimID) error {
	k := call{op: OpDeleteMessage, queue: q.name, method: http.MethodDelete, route: routeMessage}
	var err error
	if k.path, err = below(q.messages, string(id)); err != nil {
		return k.wrap(err)
	}
	k.query = string(query{}.with("claim_id", string(claim)))
	_, err = q.do(ctx, k)
	return err
}

// DeleteMessages removes messages whether they are claimed or not. Those that are gone already are no error. Servers
// refuse more than 20 IDs unless set up otherwise.
func (q *Queue) DeleteMessages(ctx context.Context, ids ...MessageID) error {
	k := call{op: OpDeleteMessages, queue: q.name, method: http.MethodDelete, route: routeMessages, path: q.messages}
	var err error
	if k.query, err = idsQuery(ids); err != nil {
		return k.wrap(err)
	}
	_, err = q.do(ctx, k)
	return err
}

// Pop removes and returns the oldest free messages, at most limit, whoever posted them; 0 is 1. Finding none is no error.
// After a [*TransportError] messages may be lost: whoever can't bear that claims and deletes them. API v1.1 only, else
// [ErrNotInVersion].
func (q *Queue) Pop(ctx context.Context, limit int) ([]Message, error) {
	if !q.client.dialect.pop {
		return nil, q.client.dialect.missing(OpPop)
	}
	if limit == 0 {
		limit = 1
	}
	k := call{op: OpPop, queue: q.name, method: http.MethodDelete, route: routeMessages, path: q.messages}
	k.query = string(query{}.withNumber("pop", limit))
	a, err := q.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return q.readMessages(k, a)
}

var errNoID = errors.New("an ID is empty")

// below is the path of one in a collection. An empty ID would name the collection itself.
func below(collection, id string) (string, error) {
	if id == "" {
		return "", errNoID
	}
	return collection + "/" + url.PathEscape(id), nil
}

// idsQuery joins IDs by commas that are not escaped, for else they would count as part of one ID.
func idsQuery(ids []MessageID) (string, error) {
	if len(ids) == 0 {
		return "", errors.New("no IDs are given")
	}
	var b strings.Builder
	b.WriteString("ids=")
	for i, id := range ids {
		if id == "" {
			return "", errNoID
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(url.QueryEscape(string(id)))
	}
	return b.String(), nil
}
