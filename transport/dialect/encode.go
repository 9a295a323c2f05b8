package dialect

import (
	"strconv"
	"unicode/utf8"

	"github.com/marconi-mq/marconi"
)

// Encoders write IDs, names and hrefs as they are: neither their alphabets nor links, which come percent-encoded, have
// anything that JSON would escape. Bodies and metadata are JSON already.

// A Href is where a message is found: its queue, and the claim that the href should name, if any.
type Href struct {
	Queue string // the queue's own href, "/v1/queues/demo"
	Claim marconi.ClaimID
}

func (h Href) append(dst []byte, id marconi.MessageID) []byte {
	dst = append(dst, h.Queue...)
	dst = append(dst, "/messages/"...)
	dst = append(dst, id...)
	if h.Claim != "" {
		dst = append(dst, "?claim_id="...)
		dst = append(dst, h.Claim...)
	}
	return dst
}

// messageWithHref is a message as v1.0 shows it.
func messageWithHref(dst []byte, h Href, m *marconi.Message) []byte {
	dst = append(dst, `{"href":"`...)
	dst = h.append(dst, m.ID)
	dst = append(dst, `",`...)
	dst = appendContent(dst, m)
	return append(dst, '}')
}

// messageWithID is a message as v1.1 shows it.
func messageWithID(dst []byte, h Href, m *marconi.Message) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, m.ID...)
	dst = append(dst, `","href":"`...)
	dst = h.append(dst, m.ID)
	dst = append(dst, `",`...)
	dst = appendContent(dst, m)
	dst = appendChecksum(dst, m)
	return append(dst, '}')
}

func appendContent(dst []byte, m *marconi.Message) []byte {
	dst = append(dst, `"ttl":`...)
	dst = strconv.AppendInt(dst, int64(m.TTL), 10)
	dst = append(dst, `,"age":`...)
	dst = strconv.AppendInt(dst, int64(m.Age), 10)
	dst = append(dst, `,"body":`...)
	return append(dst, m.Body...)
}

func appendChecksum(dst []byte, m *marconi.Message) []byte {
	if m.Checksum == "" {
		return dst
	}
	dst = append(dst, `,"checksum":"`...)
	dst = append(dst, m.Checksum...)
	return append(dst, '"')
}

// AppendMessageSeen appends a message as anybody sees it who asks for it.
func (d *Dialect) AppendMessageSeen(dst []byte, queue string, m *marconi.Message) []byte {
	h := Href{Queue: queue}
	if d.ShowsClaims {
		h.Claim = m.Claim
	}
	return d.AppendMessage(dst, h, m)
}

func (d *Dialect) appendSeen(dst []byte, queue string, messages []marconi.Message) []byte {
	dst = append(dst, '[')
	for i := range messages {
		dst = d.AppendMessageSeen(comma(dst, i), queue, &messages[i])
	}
	return append(dst, ']')
}

func (d *Dialect) appendHeld(dst []byte, h Href, messages []marconi.Message) []byte {
	dst = append(dst, '[')
	for i := range messages {
		dst = d.AppendMessage(comma(dst, i), h, &messages[i])
	}
	return append(dst, ']')
}

// comma appends one unless it would come first.
func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

// AppendPage appends a page of a listing of messages. next is the href of the page behind it, "" for none.
func (d *Dialect) AppendPage(dst []byte, queue string, messages []marconi.Message, next string) []byte {
	dst = append(dst, `{"messages":`...)
	dst = d.appendSeen(dst, queue, messages)
	return appendLinks(dst, next)
}

// appendLinks ends an object with its links.
func appendLinks(dst []byte, next string) []byte {
	if next == "" {
		return append(dst, `,"links":[]}`...)
	}
	dst = append(dst, `,"links":[{"rel":"next","href":"`...)
	dst = append(dst, next...)
	return append(dst, `"}]}`...)
}

// AppendFound appends messages that were asked for by their IDs.
func (d *Dialect) AppendFound(dst []byte, queue string, messages []marconi.Message) []byte {
	if d.BareLists {
		return d.appendSeen(dst, queue, messages)
	}
	dst = append(dst, `{"messages":`...)
	dst = d.appendSeen(dst, queue, messages)
	return append(dst, '}')
}

// AppendClaimed appends what a new claim got.
func (d *Dialect) AppendClaimed(dst []byte, queue string, c *marconi.Claim) []byte {
	h := Href{Queue: queue, Claim: c.ID}
	if d.BareLists {
		return d.appendHeld(dst, h, c.Messages)
	}
	dst = append(dst, `{"messages":`...)
	dst = d.appendHeld(dst, h, c.Messages)
	return append(dst, '}')
}

// AppendClaim appends a claim as its holder asks for it. self is the claim's own href.
func (d *Dialect) AppendClaim(dst []byte, queue, self string, c *marconi.Claim) []byte {
	dst = append(dst, `{"age":`...)
	dst = strconv.AppendInt(dst, int64(c.Age), 10)
	dst = append(dst, `,"ttl":`...)
	dst = strconv.AppendInt(dst, int64(c.TTL), 10)
	dst = append(dst, `,"href":"`...)
	dst = append(dst, self...)
	dst = append(dst, `","messages":`...)
	dst = d.appendHeld(dst, Href{Queue: queue, Claim: c.ID}, c.Messages)
	return append(dst, '}')
}

// AppendPosted appends where new messages are found.
func (d *Dialect) AppendPosted(dst []byte, queue string, ids []marconi.MessageID) []byte {
	dst = append(dst, `{"resources":[`...)
	h := Href{Queue: queue}
	for i, id := range ids {
		dst = append(comma(dst, i), '"')
		dst = append(h.append(dst, id), '"')
	}
	dst = append(dst, ']')
	if d.Partial {
		dst = append(dst, `,"partial":false`...)
	}
	return append(dst, '}')
}

// AppendPopped appends messages that are there no more, so without hrefs.
func AppendPopped(dst []byte, messages []marconi.Message) []byte {
	dst = append(dst, `{"messages":[`...)
	for i := range messages {
		m := &messages[i]
		dst = append(comma(dst, i), `{"id":"`...)
		dst = append(dst, m.ID...)
		dst = append(dst, `",`...)
		dst = appendContent(dst, m)
		dst = append(dst, `,"claim_count":`...)
		dst = strconv.AppendInt(dst, int64(m.ClaimCount), 10)
		dst = append(dst, `,"claim_id":null`...)
		dst = appendChecksum(dst, m)
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// AppendQueues appends a page of a listing of queues, each below path. Detailed listings have their metadata.
func AppendQueues(dst []byte, path string, queues []marconi.Queue, detailed bool, next string) []byte {
	dst = append(dst, `{"queues":[`...)
	for i := range queues {
		q := &queues[i]
		dst = append(comma(dst, i), `{"name":"`...)
		dst = append(dst, q.Name...)
		dst = append(dst, `","href":"`...)
		dst = append(dst, path...)
		dst = append(dst, '/')
		dst = append(dst, q.Name...)
		dst = append(dst, '"')
		if detailed {
			dst = append(dst, `,"metadata":`...)
			dst = append(dst, q.Metadata...)
		}
		dst = append(dst, '}')
	}
	return appendLinks(append(dst, ']'), next)
}

// AppendStats appends the counts of a queue.
func AppendStats(dst []byte, queue string, s marconi.Stats) []byte {
	dst = append(dst, `{"messages":`...)
	dst = appendCounts(dst, s.Free, s.Claimed, s.Total)
	if s.Oldest != nil && s.Newest != nil {
		dst = appendEnd(dst, `,"oldest":`, queue, s.Oldest)
		dst = appendEnd(dst, `,"newest":`, queue, s.Newest)
	}
	return append(dst, "}}"...)
}

// AppendVolume appends the counts of all queues.
func AppendVolume(dst []byte, v marconi.Volume) []byte {
	return append(appendCounts(dst, v.Free, v.Claimed, v.Total), '}')
}

// appendCounts leaves the object open.
func appendCounts(dst []byte, free, claimed, total int64) []byte {
	dst = append(dst, `{"claimed":`...)
	dst = strconv.AppendInt(dst, claimed, 10)
	dst = append(dst, `,"free":`...)
	dst = strconv.AppendInt(dst, free, 10)
	dst = append(dst, `,"total":`...)
	return strconv.AppendInt(dst, total, 10)
}

func appendEnd(dst []byte, name, queue string, m *marconi.Message) []byte {
	dst = append(dst, name...)
	dst = append(dst, `{"href":"`...)
	dst = Href{Queue: queue}.append(dst, m.ID)
	dst = append(dst, `","age":`...)
	dst = strconv.AppendInt(dst, int64(m.Age), 10)
	dst = append(dst, `,"created":"`...)
	dst = m.Created.UTC().AppendFormat(dst, "2006-01-02T15:04:05Z")
	return append(dst, `"}`...)
}

// AppendString appends a text as a JSON string.
func AppendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for _, r := range text { // a broken character comes as U+FFFD
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			const digits = "0123456789abcdef"
			dst = append(dst, `\u00`...)
			dst = append(dst, digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
