package marconi

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A MessageID names a message for ever. Stores make it: 1 to 64 characters of [A-Za-z0-9_-], opaque to all others. An
// ID of impossible form names nothing.
type MessageID string

// A ClientID tells producers apart, so that a reader can leave its own messages out. It is compared as text; UUIDs are
// brought into one spelling by [ClientIDs.Parse].
type ClientID string

// ClientIDs says which client IDs are taken. The zero value takes UUIDs only.
type ClientIDs struct {
	AnyText              bool // any text of MinLength to MaxLength characters, not UUIDs only
	MinLength, MaxLength int
}

// Parse reads a client ID (API contract §1.6): a UUID in any usual spelling, which comes back as 32 lower-case
// hexadecimal digits with hyphens, or free text where that is allowed.
func (c ClientIDs) Parse(text string) (ClientID, error) {
	if c.AnyText {
		if n := utf8.RuneCountInString(text); n < c.MinLength || n > c.MaxLength {
			return "", Refuse("client-id", fmt.Sprintf("a client ID has %d to %d characters", c.MinLength, c.MaxLength))
		}
		return ClientID(text), nil
	}
	return ParseUUID(text)
}

// ParseUUID reads a client ID that has to be a UUID: "urn:" and "uuid:" are dropped wherever they stand, then braces
// at the ends, then hyphens; what remains must be 32 hexadecimal digits.
func ParseUUID(text string) (ClientID, error) {
	if isCanonicalUUID(text) {
		return ClientID(text), nil
	}
	bare := strings.ReplaceAll(strings.ReplaceAll(text, "urn:", ""), "uuid:", "")
	bare = strings.ReplaceAll(strings.Trim(bare, "{}"), "-", "")
	var raw [16]byte
	if len(bare) != 32 {
		return "", Refuse("client-id", "a client ID is a UUID: 32 hexadecimal digits, with or without hyphens")
	}
	if _, err := hex.Decode(raw[:], []byte(bare)); err != nil {
		return "", Refuse("client-id", "a client ID is a UUID: it has a character that is no hexadecimal digit")
	}
	h := hex.EncodeToString(raw[:])
	return ClientID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), nil
}

func isCanonicalUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		if !digit && i != 8 && i != 13 && i != 18 && i != 23 {
			return false
		}
	}
	return true
}

// A NewMessage is a message to be posted.
type NewMessage struct {
	TTL      Seconds // 1 or more
	Delay    Seconds // 0: free at once
	Body     []byte  // one JSON value, kept as it is; the store does not change it and may keep it
	Checksum string  // "" or "MD5:" and hexadecimal digits
}

// A Post is one addition to a queue, all or none.
type Post struct {
	Client   ClientID
	Messages []NewMessage // at least one
}

// A Message is what a store gives back.
type Message struct {
	ID         MessageID
	TTL        Seconds   // as posted, or as a claim has raised it
	Age        Seconds   // since it was posted, by the store's clock, rounded down
	Created    time.Time // UTC, whole milliseconds
	Body       []byte    // as posted; not to be changed
	Client     ClientID
	Claim      ClaimID // "" unless under a live claim; "" too under the lease of a dead letter
	ClaimCount int     // successful claims so far, the present one included
	Checksum   string
}

// A Listing says which messages to list.
type Listing struct {
	Marker         Marker
	Limit          int // at least 1
	Client         ClientID
	Echo           bool // also those that Client posted
	IncludeClaimed bool // also those under a live claim
	IncludeDelayed bool // also those whose delay isn't over
}

// An End of a queue.
type End int

// The ends.
const (
	Oldest End = iota + 1
	Newest
)

// A MessageStore keeps the messages of queues. All methods are safe for concurrent use. A queue need not exist in the
// store: one that it never heard of is an empty one. Times are judged by the store's clock at each call: a message is
// gone for all calls once now ≥ created + TTL, whether or not it has been collected.
//
// A free message is one that is live, not under a live claim, and past its delay.
type MessageStore interface {
	// Post adds p.Messages in order, all or none, and returns their IDs in that order. They stand behind every message
	// that any reader has been shown before, in one run.
	// An error means that nothing was added, but for Unavailable: then all or nothing was. ErrSealed: the queue has moved.
	// The broker has checked p.
	Post(ctx context.Context, q QueueRef, p Post) ([]MessageID, error)

	// List gives the messages behind l.Marker that l asks for, oldest first. The page is empty only if there are none.
	// A marker that is no marker gives an empty page; one from another queue is just a position.
	List(ctx context.Context, q QueueRef, l Listing) (Page[Message], error)

	// Message gives a live message, also a claimed or delayed one, or ErrNoMessage.
	Message(ctx context.Context, q QueueRef, id MessageID) (Message, error)

	// Messages gives the live messages of those IDs in the order asked for, each once; what isn't there is left out.
	Messages(ctx context.Context, q QueueRef, ids []MessageID) ([]Message, error)

	// First gives the oldest or newest live message, claimed and delayed ones included, or ErrEmptyQueue.
	// Any other end is an Internal error.
	First(ctx context.Context, q QueueRef, end End) (Message, error)

	// Delete removes a message. Removing one that isn't there is no error, whatever the claim.
	// A claimed message needs its claim: without it ErrClaimed, with another live one's ErrNotOwner, with one that is
	// gone or never was ErrNoClaim; a free message deleted with a claim is ErrNotClaimed, or ErrNoClaim if that is gone.
	// An error leaves the message alone.
	Delete(ctx context.Context, q QueueRef, id MessageID, claim ClaimID) error

	// DeleteMessages removes messages; those that aren't there are no error. Without claims it removes claimed messages
	// too. With claims every message that is there must be held by one of them, else ErrNotClaimed (free) or ErrNotOwner
	// (held by another), and nothing is removed. The lease of dead letters counts as a claim here.
	DeleteMessages(ctx context.Context, q QueueRef, ids []MessageID, claims []ClaimID) error

	// Pop removes and returns at most limit free messages, oldest first, in one step.
	// After Unavailable the messages may be gone.
	Pop(ctx context.Context, q QueueRef, limit int) ([]Message, error)
}
