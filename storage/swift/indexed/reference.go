package indexed

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// What the index keeps as a message's body is JSON, for it may count on that:
//
//	[BODY]                                       the body itself
//	"1/CONTAINER/HASH/REST/NUMBER/COUNT/END"     a reference: the version, the object, which body of how many, its X-Delete-At
//
// Both are wrapped, so that nothing that a client sends is ever taken for a reference.
const referenceVersion = "1"

var errReference = errors.New("the index holds something that is neither a body nor a reference to one")

// A reference says where a body is.
type reference struct {
	at     objects.Path
	number int       // of the body in its segment
	count  int       // of bodies there
	end    time.Time // the segment's, as it was put there; whole seconds
}

// made is when the segment was made, as its name tells.
func (r reference) made() time.Time {
	name := r.at.Name[hashLength+1:]
	stamp, _ := strconv.ParseInt(name[:min(stampDigits, len(name))], 16, 64) // what has none is old
	return time.UnixMicro(stamp)
}

// wrap makes a body what the index keeps.
func wrap(body []byte) []byte {
	kept := make([]byte, 0, len(body)+2)
	kept = append(kept, '[')
	kept = append(kept, body...)
	return append(kept, ']')
}

// encode makes a reference what the index keeps.
func (r reference) encode() []byte {
	kept := make([]byte, 0, len(r.at.Container)+len(r.at.Name)+32)
	kept = append(kept, '"')
	kept = append(kept, referenceVersion...)
	kept = append(append(kept, '/'), r.at.Container...)
	kept = append(append(kept, '/'), r.at.Name...)
	kept = strconv.AppendInt(append(kept, '/'), int64(r.number), 10)
	kept = strconv.AppendInt(append(kept, '/'), int64(r.count), 10)
	kept = strconv.AppendInt(append(kept, '/'), r.end.Unix(), 10)
	return append(kept, '"')
}

// unwrap reads what the index keeps: a body, or a reference to one.
func unwrap(kept []byte) (body []byte, r reference, err error) {
	if len(kept) < 2 {
		return nil, reference{}, errReference
	}
	last := len(kept) - 1
	switch {
	case kept[0] == '[' && kept[last] == ']':
		return kept[1:last:last], reference{}, nil
	case kept[0] == '"' && kept[last] == '"':
		r, err = parseReference(string(kept[1:last]))
		return nil, r, err
	}
	return nil, reference{}, errReference
}

func parseReference(text string) (reference, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 7 || parts[0] != referenceVersion || parts[1] == "" || len(parts[2]) != hashLength || parts[3] == "" {
		return reference{}, errReference
	}
	number, err1 := strconv.ParseUint(parts[4], 10, 31)
	count, err2 := strconv.ParseUint(parts[5], 10, 31)
	end, err3 := strconv.ParseUint(parts[6], 10, 62)
	if err1 != nil || err2 != nil || err3 != nil || number >= count {
		return reference{}, errReference
	}
	return reference{
		at:     objects.Path{Container: parts[1], Name: parts[2] + "/" + parts[3]},
		number: int(number), count: int(count), end: time.Unix(int64(end), 0),
	}, nil
}
