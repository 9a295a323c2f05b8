package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/redis"
)

const (
	messagesPage = 250
	bodiesBytes  = 4 << 20   // of the bodies that are read together, unless one alone is larger
	longestLife  = 1<<31 - 1 // seconds
	longestText  = 255       // of a client's ID, in bytes
)

// Messages implements [importer.Source].
func (s *source) Messages(ctx context.Context, q importer.Queue, t *importer.Tally) iter.Seq2[[]importer.Message, error] {
	return func(yield func([]importer.Message, error) bool) {
		err := s.messages(ctx, q, t, func(page []importer.Message) bool { return yield(page, nil) })
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

func (s *source) messages(ctx context.Context, q importer.Queue, t *importer.Tally, yield func([]importer.Message) bool) error {
	stem := string(q.Key.Project) + "." + string(q.Key.Name)
	problem := importer.Problem{Project: q.Key.Project, Queue: string(q.Key.Name)}
	if err := s.claims(ctx, stem+claimsEnd, problem, t); err != nil {
		return err
	}
	for ids, err := range s.byScore(ctx, stem+messagesEnd, messagesPage) {
		if errors.Is(err, errType) {
			problem.Reason, problem.Err = importer.BadList, err
			t.Damage(problem)
			break
		}
		if err != nil {
			return err
		}
		if err := s.pageOfMessages(ctx, ids, reporter{problem, t}, yield); err != nil {
			return err
		}
	}
	s.survey.passed++
	return nil
}

// claims counts a queue's claims.
func (s *source) claims(ctx context.Context, key string, problem importer.Problem, t *importer.Tally) error {
	now := strconv.FormatFloat(s.now(), 'f', -1, 64)
	replies, err := s.Read(ctx, []string{"ZCOUNT", key, "(" + now, "+inf"}, []string{"ZCOUNT", key, "-inf", now})
	if err != nil {
		return err
	}
	if replies[0].WrongType {
		problem.Reason = importer.BadClaims
		t.Damage(problem)
		return nil
	}
	for i, to := range []*int64{&t.Claims, &t.EndedClaims} {
		n, err := strconv.ParseInt(strings.Join(texts(replies[i]), ""), 10, 64)
		if err != nil {
			return fmt.Errorf("count claims: %w", err)
		}
		*to += n
	}
	return nil
}

// A reporter reports damage to the messages of a queue.
type reporter struct {
	problem importer.Problem
	*importer.Tally
}

func (r reporter) damage(id string, reason importer.Reason, err error) {
	p := r.problem
	p.Message, p.Reason, p.Err = id, reason, err
	r.Damage(p)
}

// A head is what is known of a message before its body is read.
type head struct {
	id      string
	claimed bool
	bytes   int64 // of the body
	message importer.Message
}

// pageOfMessages gives those of the messages that are live, their bodies as far as they fit into memory together.
func (s *source) pageOfMessages(ctx context.Context, ids []string, r reporter, yield func([]importer.Message) bool) error {
	heads, err := s.heads(ctx, ids, r)
	if err != nil {
		return err
	}
	for len(heads) > 0 {
		n, bytes := 0, int64(0)
		for n < len(heads) && (n == 0 || bytes+heads[n].bytes <= bodiesBytes) {
			bytes += heads[n].bytes
			n++
		}
		messages, err := s.bodies(ctx, heads[:n], r)
		if err != nil {
			return err
		}
		if len(messages) > 0 && !yield(messages) {
			return errStop
		}
		heads = heads[n:]
	}
	return nil
}

// heads reads all but the bodies, and counts what is not live.
func (s *source) heads(ctx context.Context, ids []string, r reporter) ([]head, error) {
	asked := make([]string, 0, len(ids))
	commands := make([][]string, 0, 2*len(ids))
	for _, id := range ids {
		if !isID(id) {
			r.damage(id, importer.BadID, nil) // it may be any key
			continue
		}
		asked = append(asked, id)
		commands = append(commands, append([]string{"HMGET", id}, headFields...), []string{"HSTRLEN", id, "b"})
	}
	if len(asked) == 0 {
		return nil, nil
	}
	replies, err := s.Read(ctx, commands...)
	if err != nil {
		return nil, err
	}
	heads := make([]head, 0, len(asked))
	for i, id := range asked {
		if h, live := s.head(id, replies[2*i], replies[2*i+1], r); live {
			heads = append(heads, h)
		}
	}
	return heads, nil
}

// head takes what was read of a message. One that is not live, or damaged, it counts instead.
func (s *source) head(id string, fields, length redis.Reply, r reporter) (h head, live bool) {
	if fields.WrongType || length.WrongType {
		r.damage(id, importer.BadType, nil)
		return head{}, false
	}
	f := fields.Values
	if len(f) != len(headFields) || len(length.Values) != 1 {
		r.damage(id, importer.BadFields, errors.New("the reply is none of a hash"))
		return head{}, false
	}
	h = head{id: id}
	h.bytes, _ = strconv.ParseInt(length.Values[0].Text, 10, 64) // 0 without a body
	end, u, now := f[0], f[1], s.now()
	if !end.Found && !u.Found && h.bytes == 0 {
		r.Gone++
		return head{}, false
	}
	ends, err := seconds(end)
	if err == nil && u.Found {
		s.survey.listed(ends, now)
	}
	if err == nil && ends <= now {
		r.Expired++
		return head{}, false
	}
	if err == nil {
		err = h.take(f, ends, now)
	}
	if err != nil {
		r.damage(id, importer.BadFields, err)
	}
	return h, err == nil
}

// headFields are those of a message but for its body, in the order in which they are read.
var headFields = []string{"e", "u", "c", "c.e", "d", "cs"}

// take takes the fields of a message that ends then.
func (h *head) take(f []redis.Value, ends, now float64) (err error) {
	m := &h.message
	if m.Client, err = client(f[1]); err != nil {
		return err
	}
	if m.Delay, err = remaining(f[4], now); err != nil {
		return fmt.Errorf("until when it is delayed: %w", err)
	}
	m.TTL = min(marconi.Seconds(math.Ceil(ends-now)), longestLife)
	m.Checksum = checksumOf(f[5])
	// A claim whose end can't be read holds nothing: its message is free.
	left, err := remaining(f[3], now)
	h.claimed = f[2].Text != "" && err == nil && left > 0
	return nil
}

// bodies reads the bodies of messages, and leaves out those whose can't be read.
func (s *source) bodies(ctx context.Context, heads []head, r reporter) ([]importer.Message, error) {
	commands := make([][]string, len(heads))
	for i, h := range heads {
		commands[i] = []string{"HGET", h.id, "b"}
	}
	replies, err := s.Read(ctx, commands...)
	if err != nil {
		return nil, err
	}
	messages := make([]importer.Message, 0, len(heads))
	for i, h := range heads {
		body := redis.Value{}
		if len(replies[i].Values) == 1 {
			body = replies[i].Values[0]
		}
		switch {
		case !body.Found && h.bytes > 0: // it ended between
			r.Gone++
			continue
		case !body.Found:
			r.damage(h.id, importer.BadBody, errors.New("there is none"))
			continue
		}
		if h.message.Body, err = toJSON(body.Text); err != nil {
			r.damage(h.id, importer.BadBody, err)
			continue
		}
		if h.claimed {
			r.Claimed++
		}
		if h.message.Delay > 0 {
			r.Delayed++
		}
		messages = append(messages, h.message)
	}
	return messages, nil
}

// client is a client's ID in our spelling.
func client(v redis.Value) (marconi.ClientID, error) {
	if id, err := marconi.ParseUUID(v.Text); err == nil {
		return id, nil
	}
	if len(v.Text) > longestText || !utf8.ValidString(v.Text) {
		return "", errors.New("its client is none")
	}
	return marconi.ClientID(v.Text), nil
}

// checksumOf is a checksum if it is one of ours, too.
func checksumOf(v redis.Value) string {
	digits, is := strings.CutPrefix(v.Text, "MD5:")
	if !is || len(digits) != 32 || strings.Trim(digits, "0123456789abcdef") != "" {
		return ""
	}
	return v.Text
}

// seconds reads a point in time.
func seconds(v redis.Value) (float64, error) {
	t, err := strconv.ParseFloat(v.Text, 64)
	switch {
	case !v.Found:
		return 0, errors.New("a time is missing")
	case err != nil || math.IsNaN(t) || math.IsInf(t, 0) || t < 0 || t > 1<<40:
		return 0, errors.New("a time can't be read")
	}
	return t, nil
}

// remaining is how long it is to a point in time, which need not be set.
func remaining(v redis.Value, now float64) (marconi.Seconds, error) {
	if v.Text == "" || v.Text == "None" {
		return 0, nil
	}
	t, err := seconds(v)
	if err != nil || t <= now {
		return 0, err
	}
	return min(marconi.Seconds(math.Ceil(t-now)), longestLife), nil
}
