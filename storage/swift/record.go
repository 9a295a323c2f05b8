package swift

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi"
)

// A queue's object has a line of JSON with the clear names, for people, and behind it the metadata, byte for byte as it was sent. Its
// type has the incarnation, so that a listing shows it as well.
const queueType = "application/x-marconi-queue"

var errRecord = errors.New("a queue in Swift can't be read: its object is not whole")

// A head is the first line.
type head struct {
	Project     string `json:"project"`
	Queue       string `json:"queue"`
	Incarnation string `json:"incarnation"`
}

// encodeQueue is a queue's object: its body and its type.
func encodeQueue(q marconi.Queue) (body []byte, contentType string, err error) {
	number := strconv.FormatInt(int64(q.Incarnation), 16)
	line, err := json.Marshal(head{string(q.Project), string(q.Name), number})
	if err != nil {
		return nil, "", fmt.Errorf("write a queue's object: %w", err)
	}
	return append(append(line, '\n'), orEmpty(q.Metadata)...), queueType + "; i=" + number, nil
}

// orEmpty is metadata, which is never empty in a store.
func orEmpty(m marconi.Metadata) marconi.Metadata {
	if len(m) == 0 {
		return marconi.Metadata("{}")
	}
	return m
}

// decodeQueue reads a queue's object.
func decodeQueue(key marconi.QueueKey, body []byte) (marconi.Queue, error) {
	line, metadata, found := bytes.Cut(body, []byte("\n"))
	var h head
	if err := json.Unmarshal(line, &h); err != nil || !found || len(metadata) == 0 {
		return marconi.Queue{}, errRecord
	}
	n, err := parseIncarnation(h.Incarnation)
	if err != nil {
		return marconi.Queue{}, err
	}
	return marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: key, Incarnation: n}, Metadata: metadata}, nil
}

// listedIncarnation is what a listing shows of a queue.
func listedIncarnation(contentType string) (marconi.Incarnation, error) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != queueType {
		return 0, errRecord
	}
	return parseIncarnation(parameters["i"])
}

func parseIncarnation(text string) (marconi.Incarnation, error) {
	n, err := strconv.ParseInt(text, 16, 54)
	if err != nil || n <= 0 {
		return 0, errRecord
	}
	return marconi.Incarnation(n), nil
}

// newIncarnation is 53 random bits, but never 0.
func newIncarnation() marconi.Incarnation {
	var raw [8]byte
	for {
		rand.Read(raw[:]) // never fails
		if n := binary.BigEndian.Uint64(raw[:]) >> 11; n != 0 {
			return marconi.Incarnation(n)
		}
	}
}

// queuesOf begins the names of a project's queues. A project may hold any 256 characters, which would not fit into a name.
func queuesOf(p marconi.Project) string {
	sum := sha256.Sum256([]byte(p))
	return "q/" + hex.EncodeToString(sum[:]) + "/"
}

// markerOf is where a listing of queues begins that goes on behind a text. A text that is no name may be no name of an object either:
// it becomes one between the same names of queues.
func markerOf(text marconi.Marker) string {
	i := strings.IndexFunc(string(text), notInName)
	if i < 0 {
		return string(text)
	}
	switch odd, before := text[i], string(text[:i]); {
	case odd < '-':
		return before
	case odd > 'z':
		return before + "~"
	default:
		return before + string(rune(odd))
	}
}

func notInName(r rune) bool {
	return !isPlain(r) && !strings.ContainsRune("-._", r)
}

// join makes a container's name of what is not empty.
func join(parts ...string) string {
	name := ""
	for _, p := range parts {
		if p != "" && name != "" {
			name += "-"
		}
		name += p
	}
	return name
}
