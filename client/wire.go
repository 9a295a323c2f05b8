package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// What answers hold, as JSON. Keys that are not named here are passed over: servers may say more.
type (
	wirePage struct {
		Queues   []wireQueue   `json:"queues"`
		Messages []wireMessage `json:"messages"`
		Links    []wireLink    `json:"links"`
	}
	wireLink struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	wireQueue struct {
		Name     string          `json:"name"`
		Href     string          `json:"href"`
		Metadata json.RawMessage `json:"metadata"`
	}
	wireMessage struct {
		ID         MessageID       `json:"id"` // not in v1.0
		Href       string          `json:"href"`
		TTL        int64           `json:"ttl"`
		Age        int64           `json:"age"`
		Body       json.RawMessage `json:"body"`
		ClaimID    ClaimID         `json:"claim_id"`
		ClaimCount int             `json:"claim_count"`
		Checksum   string          `json:"checksum"`
	}
	wireClaim struct {
		TTL      int64         `json:"ttl"`
		Age      int64         `json:"age"`
		Messages []wireMessage `json:"messages"`
	}
	wireStats struct {
		Messages *struct {
			Free    int64      `json:"free"`
			Claimed int64      `json:"claimed"`
			Total   int64      `json:"total"`
			Oldest  *wireStamp `json:"oldest"`
			Newest  *wireStamp `json:"newest"`
		} `json:"messages"`
	}
	wireStamp struct {
		Href    string    `json:"href"`
		Age     int64     `json:"age"`
		Created time.Time `json:"created"`
	}
)

// decode reads an answer's body.
func decode[W any](body []byte) (W, error) {
	var wire W
	if err := json.Unmarshal(body, &wire); err != nil {
		return wire, badAnswer(err)
	}
	return wire, nil
}

// message turns a message of the wire into one of ours. In v1.0 the ID stands in the href only.
func (w wireMessage) message() (Message, error) {
	path, query, _ := strings.Cut(w.Href, "?")
	m := Message{
		ID: w.ID, Href: w.Href, TTL: span(w.TTL), Age: span(w.Age), Body: w.Body,
		Claim: w.ClaimID, ClaimCount: w.ClaimCount, Checksum: w.Checksum,
	}
	if m.ID == "" {
		m.ID = MessageID(lastSegment(path))
	}
	if m.ID == "" {
		return Message{}, fmt.Errorf("%w: a message without an ID", ErrBadAnswer)
	}
	if m.Claim == "" {
		m.Claim = claimIn(query)
	}
	return m, nil
}

// claimIn finds the claim in the query of a message's href. It is called for every message of a claim, so the form that
// servers use comes first.
func claimIn(query string) ClaimID {
	if id, alone := strings.CutPrefix(query, "claim_id="); alone && !strings.ContainsAny(id, "&%+;") {
		return ClaimID(id)
	}
	values, _ := url.ParseQuery(query)
	return ClaimID(values.Get("claim_id"))
}

// lastSegment is what stands behind the last slash of a path, without escapes and query; "" if there is no slash.
func lastSegment(href string) string {
	path, _, _ := strings.Cut(href, "?")
	segment := path[strings.LastIndexByte(path, '/')+1:]
	if len(segment) == len(path) {
		return ""
	}
	plain, err := url.PathUnescape(segment)
	if err != nil {
		return segment
	}
	return plain
}

// bareMessages reads a list, as v1.0 sends it.
func bareMessages(body []byte) ([]wireMessage, error) { return decode[[]wireMessage](body) }

// wrappedMessages reads {"messages": a list}.
func wrappedMessages(body []byte) ([]wireMessage, error) {
	page, err := decode[wirePage](body)
	if err == nil && page.Messages == nil {
		err = fmt.Errorf("%w: it has no messages", ErrBadAnswer)
	}
	return page.Messages, err
}

func decodeMessage(body []byte) (Message, error) {
	wire, err := decode[wireMessage](body)
	if err != nil {
		return Message{}, err
	}
	return wire.message()
}

// decodeMessages reads a page of messages. No body is an empty page.
func decodeMessages(body []byte) (Page[Message], error) {
	if len(body) == 0 {
		return Page[Message]{}, nil
	}
	wire, err := decode[wirePage](body)
	if err != nil {
		return Page[Message]{}, err
	}
	return makePage(wire.Messages, wire.Links, wireMessage.message)
}

// decodeQueues reads a page of queues. No body is an empty page.
func decodeQueues(body []byte) (Page[QueueEntry], error) {
	if len(body) == 0 {
		return Page[QueueEntry]{}, nil
	}
	wire, err := decode[wirePage](body)
	if err != nil {
		return Page[QueueEntry]{}, err
	}
	return makePage(wire.Queues, wire.Links, wireQueue.entry)
}

func (w wireQueue) entry() (QueueEntry, error) {
	if w.Name == "" {
		return QueueEntry{}, fmt.Errorf("%w: a queue without a name", ErrBadAnswer)
	}
	return QueueEntry(w), nil
}

func decodeClaim(body []byte) (*Claim, error) {
	wire, err := decode[wireClaim](body)
	if err != nil {
		return nil, err
	}
	messages, err := convert(wire.Messages, wireMessage.message)
	if err != nil {
		return nil, err
	}
	return &Claim{TTL: span(wire.TTL), Age: span(wire.Age), Messages: messages}, nil
}

func decodeStats(body []byte) (Stats, error) {
	wire, err := decode[wireStats](body)
	if err != nil {
		return Stats{}, err
	}
	m := wire.Messages
	if m == nil {
		return Stats{}, fmt.Errorf("%w: stats without messages", ErrBadAnswer)
	}
	return Stats{
		Free: m.Free, Claimed: m.Claimed, Total: m.Total, Oldest: m.Oldest.stats(), Newest: m.Newest.stats(),
	}, nil
}

func (w *wireStamp) stats() *MessageStats {
	if w == nil {
		return nil
	}
	return &MessageStats{ID: MessageID(lastSegment(w.Href)), Age: span(w.Age), Created: w.Created}
}

// decodePosted reads the IDs of messages that were posted. A server that confirms another number than it was sent has
// lost or doubled some.
func decodePosted(body []byte, posted int) ([]MessageID, error) {
	hrefs, usual := usualPosted(body, posted)
	if !usual {
		wire, err := decode[struct {
			Resources []string `json:"resources"`
		}](body)
		if err != nil {
			return nil, err
		}
		hrefs = wire.Resources
	}
	if len(hrefs) != posted {
		return nil, fmt.Errorf("%w: %d of %d messages are confirmed", ErrBadAnswer, len(hrefs), posted)
	}
	ids := make([]MessageID, posted)
	for i, href := range hrefs {
		if ids[i] = MessageID(lastSegment(href)); ids[i] == "" {
			return nil, fmt.Errorf("%w: a message without an ID", ErrBadAnswer)
		}
	}
	return ids, nil
}

// usualPosted reads the answer to a post as servers write it, at a tenth of what [json.Unmarshal] takes. Of any other it says no.
func usualPosted(body []byte, posted int) (hrefs []string, usual bool) {
	rest, usual := bytes.CutPrefix(body, []byte(`{"resources":`))
	if !usual {
		return nil, false
	}
	if rest, usual = bytes.CutPrefix(bytes.TrimPrefix(rest, []byte(" ")), []byte(`[`)); !usual {
		return nil, false
	}
	for len(hrefs) < posted {
		if len(hrefs) > 0 {
			if rest, usual = bytes.CutPrefix(rest, []byte(`,`)); !usual {
				return nil, false
			}
			rest = bytes.TrimPrefix(rest, []byte(" "))
		}
		if rest, usual = bytes.CutPrefix(rest, []byte(`"`)); !usual {
			return nil, false
		}
		end := plainText(rest)
		if end == len(rest) || rest[end] != '"' || !utf8.Valid(rest[:end]) {
			return nil, false
		}
		hrefs = append(hrefs, string(rest[:end]))
		rest = rest[end+1:]
	}
	switch string(rest) {
	case `]}`, `],"partial":false}`, `], "partial": false}`:
		return hrefs, true
	default:
		return nil, false
	}
}

// encodePost writes a post in one allocation. Bodies go in as they are, so they are checked: half a value could change
// the messages next to it.
func (d *dialect) encodePost(messages []NewMessage) ([]byte, error) {
	const envelope = len(`{"ttl":9223372036854775807,"body":null},`)
	size := len(d.postOpen) + len(d.postClose)
	for _, m := range messages {
		size += envelope + len(m.Body)
	}
	b := append(make([]byte, 0, size), d.postOpen...)
	for i, m := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSpan(append(b, '{'), "ttl", orDefault(m.TTL, d.messageTTL))
		b = append(b, `"body":`...)
		switch {
		case len(m.Body) == 0:
			b = append(b, "null"...)
		case validJSON(m.Body):
			b = append(b, m.Body...)
		default:
			return nil, fmt.Errorf("message %d: the body is no JSON value", i)
		}
		b = append(b, '}')
	}
	return append(b, d.postClose...), nil
}

// encodeClaim writes what a claim asks for. API v1.1 takes no body as well, but not for an update.
func encodeClaim(ttl, grace time.Duration) []byte {
	b := appendSpan([]byte("{"), "ttl", ttl)
	b = appendSpan(b, "grace", grace)
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}
