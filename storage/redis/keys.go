package redis

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi"
)

// queueKeys are the last letters of a queue's nine keys, in the order in which scripts know them. Most posts need the first few only: each
// key that a script is given costs the server as much as a step of its work.
const (
	queueKeys = "hxskmrdcl"
	postKeys  = 3
)

// A keyspace makes the names of keys. All keys of a queue have one hash tag, so that a cluster keeps them together.
type keyspace struct {
	prefix string
}

func newKeyspace(prefix, namespace string) keyspace {
	if namespace != "" {
		prefix += "-" + namespace
	}
	return keyspace{escape(prefix)}
}

// of are the keys of a queue.
func (k keyspace) of(q marconi.QueueRef) []string { return k.first(q, len(queueKeys)) }

// first are the first n keys of a queue.
func (k keyspace) first(q marconi.QueueRef, n int) []string {
	var room [128]byte
	stem := append(append(room[:0], k.prefix...), ":{"...)
	stem = append(appendTag(stem, q), "}:"...)
	length := len(stem) + 1
	var all strings.Builder // one piece of memory for all
	all.Grow(length * n)
	for i := range n {
		all.Write(stem)
		all.WriteByte(queueKeys[i])
	}
	keys, text := make([]string, n), all.String()
	for i := range keys {
		keys[i] = text[i*length : (i+1)*length]
	}
	return keys
}

// queue is the queue whose header has that key.
func (k keyspace) queue(header string) (marconi.QueueRef, bool) {
	rest, ours := strings.CutPrefix(header, k.prefix+":{")
	rest, whole := strings.CutSuffix(rest, "}:"+queueKeys[:1])
	if !ours || !whole {
		return marconi.QueueRef{}, false
	}
	return untag(rest)
}

// index is where the queues are noted that may hold messages.
func (k keyspace) index() []string { return []string{k.prefix + ":{index}:queues"} }

// binding is where the ID of the control store is that the data belongs to.
func (k keyspace) binding() []string { return []string{k.prefix + ":{index}:control"} }

// wake is the channel on which a process is told of what others did.
func (k keyspace) wake(process string) string { return k.prefix + ":wake:" + process }

// controlID is where the control store's own ID is.
func (k keyspace) controlID() []string { return []string{k.prefix + ":{admin}:id"} }

// project are the names of a project's queues, and their records. The letter keeps the tag from being empty, which would be none.
func (k keyspace) project(p marconi.Project) []string {
	stem := k.prefix + ":{p:" + escape(string(p)) + "}:"
	return []string{stem + "q", stem + "qm"}
}

// tag is a queue's hash tag.
func tag(q marconi.QueueRef) string { return string(appendTag(nil, q)) }

func appendTag(dst []byte, q marconi.QueueRef) []byte {
	dst = append(appendEscaped(dst, string(q.Project)), '/')
	dst = append(appendEscaped(dst, string(q.Name)), '/')
	return strconv.AppendInt(dst, int64(q.Incarnation), 10)
}

func untag(text string) (marconi.QueueRef, bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return marconi.QueueRef{}, false
	}
	project, projectErr := url.PathUnescape(parts[0])
	name, nameErr := url.PathUnescape(parts[1])
	incarnation, err := strconv.ParseInt(parts[2], 10, 64)
	if projectErr != nil || nameErr != nil || err != nil {
		return marconi.QueueRef{}, false
	}
	q := marconi.QueueRef{
		QueueKey:    marconi.QueueKey{Project: marconi.Project(project), Name: marconi.QueueName(name)},
		Incarnation: marconi.Incarnation(incarnation),
	}
	return q, tag(q) == text
}

// appendEscaped appends a part with what would end a part or a tag, and what can't be printed, as % and two hexadecimal digits.
func appendEscaped(dst []byte, part string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(part) {
		c := part[i]
		if plain(c) {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', digits[c>>4], digits[c&15])
	}
	return dst
}

func escape(part string) string { return string(appendEscaped(nil, part)) }

func plain(c byte) bool {
	return ' ' < c && c < 0x7f && c != '%' && c != '{' && c != '}' && c != '/'
}
