package redis

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// parts are how many of a reply's texts are a message: its number, envelope, body and state.
const parts = 4

// messages are those of field i. Their bodies are where the reply has them.
func (r *reply) messages(i int, of marconi.Incarnation) []marconi.Message {
	all := r.list(i)
	if len(all)%parts != 0 {
		r.fail(errReply)
		return nil
	}
	if len(all) == 0 {
		return nil
	}
	messages, d := make([]marconi.Message, 0, len(all)/parts), decoder{ids: identifiers{of: of}, now: r.now}
	d.ids.grow(cap(messages))
	for ; len(all) > 0; all = all[parts:] {
		m, err := d.message(r.text(&all[0]), r.text(&all[1]), r.text(&all[3]))
		if err != nil {
			r.fail(err)
			return nil
		}
		m.Body = r.bytes(&all[2])
		messages = append(messages, m)
	}
	return messages
}

// identifiers makes the IDs of messages of a queue, in one piece of memory.
type identifiers struct {
	of   marconi.Incarnation
	text strings.Builder
}

func (i *identifiers) grow(n int) { i.text.Grow(n * seqid.Length) }

func (i *identifiers) id(seq int64) marconi.MessageID {
	var room [seqid.Length]byte
	from := i.text.Len()
	i.text.Write(seqid.Append(room[:0], int64(i.of), seq))
	return marconi.MessageID(i.text.String()[from:])
}

// A decoder makes messages. Most have the client and the claim of the one before: those texts are made once.
type decoder struct {
	ids identifiers
	now int64

	packedClient packedClient
	client       marconi.ClientID
	packedClaim  string
	claim        marconi.ClaimID
}

// message makes a message of all but its body.
func (d *decoder) message(number, packedEnvelope, packedState string) (marconi.Message, error) {
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
		ID: d.ids.id(seq), TTL: e.ttl, Age: age(created, d.now), Created: time.UnixMilli(created).UTC(),
		Client: d.clientOf(e.client), Checksum: e.checksum, ClaimCount: s.claims,
	}
	if s.known {
		m.TTL = s.ttl
	}
	if s.claimEnd > d.now && !isLease(s.claim) {
		m.Claim, err = d.claimOf(s.claim)
	}
	return m, err
}

func (d *decoder) clientOf(packed packedClient) marconi.ClientID {
	if packed != d.packedClient {
		d.packedClient, d.client = packed, packed.unpack()
	}
	return d.client
}

func (d *decoder) claimOf(packed string) (marconi.ClaimID, error) {
	if packed == d.packedClaim {
		return d.claim, nil
	}
	claim, err := unpackClaim(packed)
	if err == nil {
		d.packedClaim, d.claim = packed, claim
	}
	return claim, err
}

func age(since, now int64) marconi.Seconds { return marconi.Seconds(max(now-since, 0) / 1000) }
