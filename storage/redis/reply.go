package redis

import (
	"errors"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
)

var errReply = errors.New("a script's reply is not what it was to be")

// A code is how a script ended; time.lua has them too.
type code int64

const (
	codeDone code = iota
	codeAgain
	codeSealed
	codeClaimed
	codeNotOwner
	codeNotClaimed
	codeNoClaim
)

// err is what a code means, but for those that are no errors.
func (c code) err() error {
	switch c {
	case codeDone, codeAgain:
		return nil
	case codeSealed:
		return marconi.ErrSealed
	case codeClaimed:
		return marconi.ErrClaimed
	case codeNotOwner:
		return marconi.ErrNotOwner
	case codeNotClaimed:
		return marconi.ErrNotClaimed
	case codeNoClaim:
		return marconi.ErrNoClaim
	}
	return errReply
}

// A reply of a script of a queue: the time by which it judged, how it ended, and what it says. Reading it never fails at
// once: err tells in the end.
type reply struct {
	now    int64 // milliseconds
	code   code
	fields []rueidis.RedisMessage
	err    error
}

// parseReply reads a list of all that, or the one number that a script says which has nothing else to tell; or a code, as a number below 0.
func parseReply(m rueidis.RedisMessage) reply {
	if m.IsInt64() {
		if n, err := m.ToInt64(); err != nil {
			return reply{err: errReply}
		} else if n < 0 {
			return reply{code: code(-n)}
		}
		return reply{fields: []rueidis.RedisMessage{m}}
	}
	all, err := m.ToArray()
	if err != nil || len(all) < 2 {
		return reply{err: errReply}
	}
	r := reply{fields: all[2:]}
	r.now = r.integer(&all[0])
	r.code = code(r.integer(&all[1]))
	return r
}

func (r *reply) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reply) integer(m *rueidis.RedisMessage) int64 {
	n, err := m.ToInt64()
	if err != nil {
		r.fail(errReply)
	}
	return n
}

func (r *reply) text(m *rueidis.RedisMessage) string {
	s, err := m.ToString()
	if err != nil {
		r.fail(errReply)
	}
	return s
}

// bytes are those of a text, which nobody else has.
func (r *reply) bytes(m *rueidis.RedisMessage) []byte {
	b, err := m.AsBytes()
	if err != nil {
		r.fail(errReply)
	}
	return b
}

// number is field i, a whole number.
func (r *reply) number(i int) int64 {
	if i >= len(r.fields) {
		r.fail(errReply)
		return 0
	}
	return r.integer(&r.fields[i])
}

// list is field i, an array.
func (r *reply) list(i int) []rueidis.RedisMessage {
	if i >= len(r.fields) {
		r.fail(errReply)
		return nil
	}
	all, err := r.fields[i].ToArray()
	if err != nil {
		r.fail(errReply)
	}
	return all
}

// A piece of news is what another call tells those who wait: what happened to how many messages of which queue, and whose they are
// if that is known; or in how many milliseconds something will happen.
type news struct {
	what   byte
	n      int64
	header string // the key of the queue's header
	client marconi.ClientID
}

// What news can be.
const (
	newsPosted  = 'p'
	newsDelayed = 'd'
	newsFreed   = 'f'
	newsRipe    = 'r'
	newsNext    = 'n'
)

func parseNews(payload string) (news, bool) {
	if payload == "" || !strings.ContainsRune("pdfrn", rune(payload[0])) {
		return news{}, false
	}
	number, rest, found := strings.Cut(payload[1:], " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !found {
		return news{}, false
	}
	header, poster, whose := strings.Cut(rest, " ")
	told := news{what: payload[0], n: n, header: header}
	if !whose {
		return told, true
	}
	client, _, whole := parsePoster(poster)
	if whole {
		told.client = client.unpack()
	}
	return told, whole
}
