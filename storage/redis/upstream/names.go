package upstream

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/marconi-mq/marconi"
)

// The ends of keys.
const (
	queuesEnd   = ".queues_set"
	messagesEnd = ".messages"
	claimsEnd   = ".claims"
)

var errText = errors.New("the name is no text in UTF-8")

// A name is what a project's list of queues says.
type name struct {
	project string
	stem    string // <project>.<queue>, with which the keys of the queue begin
}

func (n name) queue() string { return strings.TrimPrefix(n.stem, n.project+".") }

// key is the queue of ours of that name, if there can be one.
func (n name) key() (marconi.QueueKey, error) {
	if !strings.HasPrefix(n.stem, n.project+".") {
		return marconi.QueueKey{}, errors.New("the name does not begin with the project's")
	}
	if !utf8.ValidString(n.project) {
		return marconi.QueueKey{}, errText
	}
	project, err := marconi.ParseProject(n.project)
	if err != nil {
		return marconi.QueueKey{}, err
	}
	queue, err := marconi.ParseQueueName(n.queue())
	return marconi.QueueKey{Project: project, Name: queue}, err
}

// others are the names that have the same keys: the dot that ends the project may be any of the stem's.
func (n name) others() []name {
	var all []name
	for i := range len(n.stem) {
		if n.stem[i] == '.' && n.stem[:i] != n.project {
			all = append(all, name{n.stem[:i], n.stem})
		}
	}
	return all
}

// isID tells whether a key or member has the form of a message's ID.
func isID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if hyphen != (c == '-') || !hyphen && !digit {
			return false
		}
	}
	return true
}
