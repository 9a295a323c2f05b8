package redis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

var errReply = errors.New("a script's reply is not what it was to be")

// A code is how a script ended; clock.lua has them too.
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

// messages are those of field i: four parts each.
func (r *reply) messages(i int, of marconi.Incarnation) []marconi.Message {
	parts := r.list(i)
	if len(parts)%4 != 0 {
		r.fail(errReply)
		return nil
	}
	if len(parts) == 0 {
		return nil
	}
	messages := make([]marconi.Message, 0, len(parts)/4)
	for ; len(parts) > 0; parts = parts[4:] {
		m, err := parseMessage(r.text(&parts[0]), r.text(&parts[1]), r.text(&parts[3]), of, r.now)
		if err != nil {
			r.fail(err)
			return nil
		}
		m.Body = []byte(r.text(&parts[2]))
		messages = append(messages, m)
	}
	return messages
}

// parseMessage makes a message of all but its body.
func parseMessage(number, packedEnvelope, packedState string, of marconi.Incarnation, now int64) (marconi.Message, error) {
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return marconi.Message{}, fmt.Errorf("read a message's number: %w", err)
	}
	e, err := parseEnvelope(packedEnvelope)
	if err != nil {
		return marconi.Message{}, err
	}
	s, err := parseState(packedState)
	if err != nil {
		return marconi.Message{}, err
	}
	created := seq >> 10
	m := marconi.Message{
		ID: marconi.MessageID(seqid.Format(int64(of), seq)), TTL: e.ttl, Age: age(created, now), Created: time.UnixMilli(created).UTC(),
		Client: e.client, Checksum: e.checksum, ClaimCount: s.claims,
	}
	if s.known {
		m.TTL = s.ttl
	}
	if s.claimEnd > now && !isLease(s.claim) {
		m.Claim = s.claim
	}
	return m, nil
}

func age(since, now int64) marconi.Seconds { return marconi.Seconds(max(now-since, 0) / 1000) }

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
	if whose {
		told.client, _, found = parsePoster(poster)
	}
	return told, found
}
