package pure

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi"
)

// Content types say what an object is, and by their parameters what a listing has to show of it.
const (
	messageType = "application/x-marconi-message"
	leaseType   = "application/x-marconi-lease"
	claimType   = "application/x-marconi-claim"
	purgeType   = "application/x-marconi-purge"
	dropType    = "application/x-marconi-drop"
	jsonType    = "application/json"
)

// messageAttributes are what is kept of a message beside its body. Times are Unix milliseconds.
type messageAttributes struct {
	expires  int64           // e: created + TTL
	ttl      marconi.Seconds // t
	due      int64           // d: when its delay is over; 0: it has none
	client   marconi.ClientID
	checksum string
	kept     int64 // k: the object's X-Delete-At, in seconds, if that was moved; 0: that of expires
}

// leaseAttributes are what is kept of a lease.
type leaseAttributes struct {
	claim marconi.ClaimID // c
	birth string          // b: which of the claims that ever had the ID
	count int             // n: how often the message has been claimed, this time included
	until int64           // x: the message's end, if a claim has put it off; else 0
	ttl   marconi.Seconds // y: and its TTL
}

// claimAttributes are what is kept of a claim beside what it holds.
type claimAttributes struct {
	id    marconi.ClaimID // its name
	birth string          // b: tells it from others of the same ID
	node  string          // by: whose clock it goes by
	ends  int64           // e
	text  string          // r: tells what is written from what was written before
}

// live reports whether the claim counts at a time.
func (c claimAttributes) live(now int64) bool { return c.ends > now }

// held is a message as its claim knows it.
type held struct {
	Name       string          `json:"m"`
	Generation int             `json:"g"`
	Count      int             `json:"n"`
	Ends       int64           `json:"e"` // of the message
	TTL        marconi.Seconds `json:"t"`
	Kept       int64           `json:"k"` // X-Delete-At of the message, in seconds
}

// claimContent is the content of a claim's object.
type claimContent struct {
	TTL     marconi.Seconds `json:"ttl"`
	Updated int64           `json:"updated"`
	Whole   bool            `json:"whole"` // what it holds is known
	Held    []held          `json:"messages"`
	Unseen  bool            `json:"unseen,omitempty"` // nobody has looked what others took at the end that was put off last
}

func (m messageAttributes) String() string {
	b := parameters(messageType)
	b.number("e", m.expires)
	b.number("t", int64(m.ttl))
	b.optional("d", m.due)
	b.text("c", string(m.client))
	b.text("h", m.checksum)
	b.optional("k", m.kept)
	return string(b)
}

func (l leaseAttributes) String() string {
	b := parameters(leaseType)
	b.text("c", string(l.claim))
	b.text("b", l.birth)
	b.number("n", int64(l.count))
	b.optional("x", l.until)
	b.optional("y", int64(l.ttl))
	return string(b)
}

func (c claimAttributes) String() string {
	b := parameters(claimType)
	b.number("e", c.ends)
	b.text("b", c.birth)
	b.text("by", c.node)
	b.text("r", c.text)
	return string(b)
}

// purgeAttributes are what a purge leaves.
type purgeAttributes struct {
	before  string // b: messages of names up to here are gone,
	emptied string // u: and those of the process that purged, up to here
	node    string // n: that process
	text    string // v: tells this purge from others
}

func (p purgeAttributes) String() string {
	b := parameters(purgeType)
	b.text("b", p.before)
	b.text("u", p.emptied)
	b.text("n", p.node)
	b.text("v", p.text)
	return string(b)
}

func parsePurge(contentType string) (purgeAttributes, bool) {
	f, ok := parseFields(contentType, purgeType)
	p := purgeAttributes{before: f.text("b"), emptied: f.text("u"), node: f.text("n"), text: f.text("v")}
	return p, ok && !f.bad && isName(p.before) && isName(p.emptied)
}

// parameters is a content type that is being written.
type parameters string

func (p *parameters) number(key string, n int64) {
	*p += parameters("; " + key + "=" + strconv.FormatInt(n, 10))
}

func (p *parameters) optional(key string, n int64) {
	if n != 0 {
		p.number(key, n)
	}
}

// text escapes all that is not a letter, a digit or one of -_.~ so that no server finds anything to change.
func (p *parameters) text(key, value string) {
	if value != "" {
		*p += parameters("; " + key + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
	}
}

// fields are the parameters of a content type that was read. The first trouble stays.
type fields struct {
	of  map[string]string
	bad bool
}

// parseFields reads a content type, if it is the wanted one.
func parseFields(contentType, want string) (fields, bool) {
	parts := strings.Split(contentType, ";")
	if strings.TrimSpace(parts[0]) != want {
		return fields{}, false
	}
	f := fields{of: make(map[string]string, len(parts)-1)}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		f.of[key] = value
	}
	return f, true
}

func (f *fields) number(key string) int64 {
	n, err := strconv.ParseInt(f.of[key], 10, 64)
	f.bad = f.bad || err != nil || n < 0
	return n
}

func (f *fields) optional(key string) int64 {
	if f.of[key] == "" {
		return 0
	}
	return f.number(key)
}

func (f *fields) text(key string) string {
	text, err := url.PathUnescape(f.of[key])
	f.bad = f.bad || err != nil
	return text
}

func parseMessage(contentType string) (messageAttributes, bool) {
	f, ok := parseFields(contentType, messageType)
	if !ok {
		return messageAttributes{}, false
	}
	m := messageAttributes{
		expires: f.number("e"), ttl: marconi.Seconds(f.number("t")), due: f.optional("d"),
		client: marconi.ClientID(f.text("c")), checksum: f.text("h"), kept: f.optional("k"),
	}
	return m, !f.bad
}

func parseLease(contentType string) (leaseAttributes, bool) {
	f, ok := parseFields(contentType, leaseType)
	if !ok {
		return leaseAttributes{}, false
	}
	l := leaseAttributes{
		claim: marconi.ClaimID(f.text("c")), birth: f.text("b"), count: int(f.number("n")),
		until: f.optional("x"), ttl: marconi.Seconds(f.optional("y")),
	}
	return l, !f.bad && isPlain(string(l.claim))
}

func parseClaim(id marconi.ClaimID, contentType string) (claimAttributes, bool) {
	f, ok := parseFields(contentType, claimType)
	if !ok {
		return claimAttributes{}, false
	}
	c := claimAttributes{id: id, birth: f.text("b"), node: f.text("by"), ends: f.number("e"), text: f.text("r")}
	return c, !f.bad && isPlain(string(id))
}

// parseContent reads what a claim's object holds.
func parseContent(body []byte) (claimContent, error) {
	var c claimContent
	if err := json.Unmarshal(body, &c); err != nil {
		return claimContent{}, fmt.Errorf("read a claim: %w", err)
	}
	for _, h := range c.Held {
		if !isName(h.Name) || h.Generation < 1 || h.Generation > lastGeneration {
			return claimContent{}, fmt.Errorf("read a claim: %q is no message", h.Name)
		}
	}
	return c, nil
}

// keepFor is how much longer than the messages' time their objects are kept: the name of a lease must not become free
// while anybody may still want it.
const keepFor = 24 * time.Hour

// keptUntil is the X-Delete-At, in seconds, of what has to outlive a message that ends then.
func keptUntil(ends int64) int64 { return (ends+999)/1000 + int64(keepFor/time.Second) }

// keptUntil is the object's X-Delete-At, in seconds.
func (m messageAttributes) keptUntil() int64 { return max(m.kept, keptUntil(m.expires)) }
