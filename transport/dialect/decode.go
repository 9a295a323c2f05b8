package dialect

import (
	"bytes"
	"strconv"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// DefaultDepth is how deep a body may nest unless somebody says otherwise: arrays and objects within each other, the
// envelope of a message list included.
const DefaultDepth = 1024

// CodeBody is the code of the errors that decoders give: the body is not JSON, or says something else than it should.
const CodeBody = "body"

func refuseBody(text string) error { return marconi.Refuse(CodeBody, text) }

// A Document is the body of a request, and how deep it may nest. Decoders keep nothing of Text: what they give is copied.
type Document struct {
	Text     []byte
	MaxDepth int
}

// begin starts to read a document that has to be an array or an object, as bracket says.
func (d Document) begin(bracket byte, wanted string) scanner {
	s := newScanner(d)
	switch {
	case s.err != nil:
	case len(d.Text) == 0:
		s.err = refuseBody("the request needs a body")
	case s.peek() != bracket:
		s.err = refuseBody("the body has to be " + wanted)
	}
	return s
}

// DecodeMetadata reads the metadata of a queue: an object, which comes back as it was sent, without the blanks round it.
func DecodeMetadata(d Document) (marconi.Metadata, error) {
	s := d.begin('{', "a JSON object")
	object := s.value()
	if err := s.end(); err != nil {
		return nil, err
	}
	return marconi.Metadata(bytes.Clone(object)), nil
}

// A messageReader reads a list of messages. The scanner knows what is wrong with the text as JSON, the reader what is
// wrong with it as messages: a list that is given twice counts as it is given last.
type messageReader struct {
	needsTTL bool
	found    bool // there was a list
	messages []broker.Message
	err      error // the first thing wrong with the list that was read last
}

// bareMessages reads an array of messages, each with a TTL.
func bareMessages(d Document) ([]broker.Message, error) {
	s := d.begin('[', "an array of messages")
	r := messageReader{needsTTL: true}
	r.list(&s)
	return r.done(s.end())
}

// wrappedMessages reads an object whose member "messages" is an array of messages.
func wrappedMessages(d Document) ([]broker.Message, error) {
	s := d.begin('{', "an object with the member messages")
	var r messageReader
	for s.open('{'); s.more('}'); {
		if string(s.name()) == "messages" {
			r.list(&s)
		} else {
			s.skip()
		}
	}
	return r.done(s.end())
}

func (r *messageReader) done(err error) ([]broker.Message, error) {
	switch {
	case err != nil:
		return nil, err
	case r.err != nil:
		return nil, r.err
	case !r.found:
		return nil, refuseBody("the body needs the member messages")
	}
	return r.messages, nil
}

func (r *messageReader) list(s *scanner) {
	r.found, r.messages, r.err = true, nil, nil
	if s.peek() != '[' {
		s.skip()
		r.refuse("messages has to be an array")
		return
	}
	for s.open('['); s.more(']'); {
		r.message(s)
	}
}

func (r *messageReader) message(s *scanner) {
	if s.peek() != '{' {
		s.skip()
		r.refuse("a message has to be an object")
		return
	}
	var ttl, body []byte
	for s.open('{'); s.more('}'); {
		switch string(s.name()) {
		case "ttl":
			ttl = s.value()
		case "body":
			body = s.value()
		default:
			s.skip()
		}
	}
	if s.err == nil && r.err == nil {
		r.add(ttl, body)
	}
}

func (r *messageReader) add(ttl, body []byte) {
	if body == nil {
		r.refuse("a message needs a body")
		return
	}
	if ttl == nil && r.needsTTL {
		r.refuse("a message needs a ttl")
		return
	}
	seconds, err := optionalSeconds("ttl", ttl)
	if err != nil {
		r.err = err
		return
	}
	// The body gets memory of its own, of just its size: it may be kept long after the rest of the request.
	r.messages = append(r.messages, broker.Message{TTL: seconds, Body: bytes.Clone(body)})
}

func (r *messageReader) refuse(text string) {
	if r.err == nil {
		r.err = refuseBody(text)
	}
}

// Terms are what a claim is made or renewed on.
type Terms struct {
	TTL, Grace broker.Optional[marconi.Seconds]
}

// readTerms reads an object with the members ttl and grace, and holds that those needed are there.
func readTerms(d Document, needed ...string) (Terms, error) {
	s := d.begin('{', "a JSON object")
	var ttl, grace []byte
	for s.open('{'); s.more('}'); {
		switch string(s.name()) {
		case "ttl":
			ttl = s.value()
		case "grace":
			grace = s.value()
		default:
			s.skip()
		}
	}
	if err := s.end(); err != nil {
		return Terms{}, err
	}
	for _, name := range needed {
		if name == "ttl" && ttl == nil || name == "grace" && grace == nil {
			return Terms{}, refuseBody("a claim needs a " + name)
		}
	}
	return parseTerms(ttl, grace)
}

func parseTerms(ttl, grace []byte) (t Terms, err error) {
	if t.TTL, err = optionalSeconds("ttl", ttl); err != nil {
		return Terms{}, err
	}
	if t.Grace, err = optionalSeconds("grace", grace); err != nil {
		return Terms{}, err
	}
	return t, nil
}

// fullTerms wants both.
func fullTerms(d Document) (Terms, error) { return readTerms(d, "ttl", "grace") }

// newTTL wants a TTL; the grace is 0 unless given.
func newTTL(d Document) (Terms, error) {
	t, err := readTerms(d, "ttl")
	if _, given := t.Grace.Get(); err == nil && !given {
		t.Grace = broker.Some[marconi.Seconds](0)
	}
	return t, err
}

// anyTerms wants an object, whatever it leaves out.
func anyTerms(d Document) (Terms, error) { return readTerms(d) }

// anyTermsOrNone takes no body at all, too.
func anyTermsOrNone(d Document) (Terms, error) {
	if len(d.Text) == 0 {
		return Terms{}, nil
	}
	return readTerms(d)
}

// optionalSeconds is the value of a member that has to be an integer if it is there: no fraction, no exponent, no quotes.
func optionalSeconds(name string, raw []byte) (broker.Optional[marconi.Seconds], error) {
	if raw == nil {
		return broker.Optional[marconi.Seconds]{}, nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return broker.Optional[marconi.Seconds]{}, refuseBody(name + " has to be an integer")
	}
	return broker.Some(marconi.Seconds(n)), nil
}
