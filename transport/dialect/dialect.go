// Package dialect is what each version of the API says differently, in requests and in answers.
//
// A version is a [Dialect]: a value made of fields and functions. It is the version before it and its differences, and
// its file reads as the list of those: v1.go, v11.go. Transports ask the dialect and never the version. What differs in
// the rules of the service is no matter of words: the dialect says what is wanted (LazyQueues), and the broker does it.
//
// Decoders take the bytes of a request (API contract §1.12) and give the broker's arguments; encoders append to a buffer
// what an answer says. Both pass the bodies of messages through untouched.
package dialect

import (
	_ "embed"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// A Version is a version of the API, or a set of them.
type Version uint8

// The versions.
const (
	Discovery Version = 1 << iota // no version: the document at / that lists them
	V1                            // 1.0
	V11                           // 1.1

	All = V1 | V11
)

// Has reports whether v is one of the set.
func (set Version) Has(v Version) bool { return set&v != 0 }

// A Dialect is how one version of the API speaks.
type Dialect struct {
	Version Version
	Name    string // for figures and logs: "1.1"
	Prefix  string // of all its paths: "/v1.1"

	// Who asks.

	// ParseClient reads a client ID, as far as the version lets the operator decide what is one.
	ParseClient    func(allowed marconi.ClientIDs, text string) (marconi.ClientID, error)
	NeedsClient    bool // every request has to name its client, not only those that post and list messages
	NeedsProject   bool // every request has to name its project; otherwise one without is of the global scope
	IgnoresProject bool // the header is not even looked at

	// What is asked.

	QueueTakesMetadata bool // the body of a queue's PUT is its metadata; otherwise it is not read
	LazyQueues         bool // posting to a queue that isn't there makes it
	DecodeMessages     func(Document) ([]broker.Message, error)
	DecodeClaim        func(Document) (Terms, error) // of a new claim
	DecodeClaimUpdate  func(Document) (Terms, error)

	// What is answered.

	MissingIsEmpty  bool  // a queue that isn't there is shown as one without metadata and messages
	EmptyList       int   // the status of a listing with nothing in it
	NoneFound       error // what it is to ask for messages by ID and find none; nil: 204
	ContentLocation bool  // most GETs say where they looked
	Partial         bool  // posts say that they are not partial
	BareLists       bool  // messages found by ID or claimed are an array, not an object with one in it
	ShowsClaims     bool  // a claimed message's href names the claim, whoever looks
	AppendMessage   func(dst []byte, h Href, m *marconi.Message) []byte
	Home            []Resource // what the home document lists
}

// discovery has no version: it answers at / for all of them, and asks next to nothing of its callers.
func discovery() Dialect {
	d := v1()
	d.Version = Discovery
	d.Name = ""
	d.Prefix = ""
	d.IgnoresProject = true
	d.Home = nil
	return d
}

// New gives the dialects of a set, oldest first.
func New(set Version) []*Dialect {
	var dialects []*Dialect
	for _, d := range []Dialect{discovery(), v1(), v11()} {
		if set.Has(d.Version) {
			dialects = append(dialects, &d)
		}
	}
	return dialects
}

//go:embed versions.json
var versionsJSON string

// VersionsDocument is what GET / answers, byte for byte: clients compare it. It lists every version that ever was, also
// those that are switched off.
func VersionsDocument() []byte { return []byte(versionsJSON) }
