package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// A message is what a query for messages gives: see [statements].
type message struct {
	seq, ttl         int64
	created, expires int64
	client           string
	claims           int
	checksum         string
	claim            string
	body             []byte
}

// scanMessage reads one message, and what the query gives behind it.
func scanMessage(rows *sql.Rows, more ...any) (message, error) {
	var m message
	var sum sql.NullInt64
	places := append([]any{
		&m.seq, &m.ttl, &m.created, &m.expires, &m.client, &m.claims, &m.checksum, &m.claim, &m.body, &sum}, more...)
	if err := rows.Scan(places...); err != nil {
		return message{}, fmt.Errorf("read a message: %w", err)
	}
	if sum.Valid && sum.Int64 != sumOf(m.body) {
		return message{}, fmt.Errorf("the body of the message whose ID ends in %014x is not what was posted: %w", m.seq, errDamaged)
	}
	return m, nil
}

// errDamaged says that the database gives back something else than it was given.
var errDamaged = errors.New("it does not hold together")

// sumOf is what a body is known again by. It costs 15 µs for 256 KiB.
func sumOf(body []byte) int64 { return int64(crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))) }

// shown is the message as it is at a time.
func (m message) shown(in marconi.Incarnation, now int64) marconi.Message {
	return marconi.Message{
		ID:         marconi.MessageID(seqid.Format(int64(in), m.seq)),
		TTL:        marconi.Seconds(m.ttl),
		Age:        ageOf(m.created, now),
		Created:    time.UnixMilli(m.created).UTC(),
		Body:       m.body,
		Client:     marconi.ClientID(m.client),
		Claim:      marconi.ClaimID(m.claim),
		ClaimCount: m.claims,
		Checksum:   m.checksum,
	}
}

// ageOf is in whole seconds. A clock that was turned back makes nothing younger than new.
func ageOf(since, now int64) marconi.Seconds { return marconi.Seconds(max(now-since, 0) / 1000) }

func millis(s marconi.Seconds) int64 { return int64(s) * 1000 }

// messages gathers what a query gives.
type messages []message

func (all *messages) add(rows *sql.Rows) error {
	m, err := scanMessage(rows)
	*all = append(*all, m)
	return err
}

// sort brings messages into the order of their posting: what order a join gives rows in is the database's affair.
func (all messages) sort() {
	slices.SortFunc(all, func(a, b message) int { return int(a.seq - b.seq) })
}

func (all messages) shown(in marconi.Incarnation, now int64) []marconi.Message {
	if len(all) == 0 {
		return nil
	}
	out := make([]marconi.Message, len(all))
	for i, m := range all {
		out[i] = m.shown(in, now)
	}
	return out
}

func (all messages) seqs() []int64 {
	seqs := make([]int64, len(all))
	for i, m := range all {
		seqs[i] = m.seq
	}
	return seqs
}

// seqsOf are the sequence numbers of those IDs that can be messages of the queue, each once, in order of asking.
func seqsOf(ref marconi.QueueRef, ids []marconi.MessageID) []int64 {
	seqs := make([]int64, 0, len(ids))
	seen := make(map[int64]bool, len(ids))
	for _, id := range ids {
		seq, ok := seqid.Parse(int64(ref.Incarnation), string(id))
		if ok && !seen[seq] {
			seen[seq] = true
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

// keyOf are the first parameters of a read that names a queue, with those that follow.
func keyOf(ref marconi.QueueRef, now int64, more ...any) []any {
	return append([]any{string(ref.Project), string(ref.Name), int64(ref.Incarnation), now}, more...)
}
