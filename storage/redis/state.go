package redis

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/marconi-mq/marconi"
)

// A message that was ever claimed has a state, which counts instead of what its envelope says:
//
//	6 bytes  when its claim ends    } only of those under a claim
//	6 bytes  when the message ends
//	4 bytes  its TTL
//	2 bytes  how often it was claimed
//	the packed claim                } only of those under a claim
const (
	looseState = endBytes + 4 + 2      // bytes
	heldState  = endBytes + looseState // and the claim
)

// The names of claims are packed: the first byte says how.
const (
	packedText  = "\x00" // as it is
	packedUUID  = "\x01" // 16 bytes
	packedLease = "\x02" // 16 bytes of a lease; nothing that a client sends becomes one by accident
)

const leasePrefix = "dlq:"

var errState = errors.New("a message in Redis can't be read: its state is not whole")

// A state as it is read. The zero value is that of a message that was never claimed.
type state struct {
	known    bool
	claim    string // packed
	claimEnd int64
	ttl      marconi.Seconds
	claims   int
}

func parseState(packed string) (state, error) {
	var s state
	switch n := len(packed); {
	case n == 0:
		return s, nil
	case n == looseState:
	case n > heldState:
		s.claimEnd = bigEndian(packed[:endBytes])
		s.claim = packed[heldState:]
		packed = packed[endBytes:heldState]
	default:
		return state{}, errState
	}
	s.known = true
	s.ttl = marconi.Seconds(bigEndian(packed[endBytes : endBytes+4]))
	s.claims = int(bigEndian(packed[endBytes+4:]))
	return s, nil
}

// packClaim is the name of a claim or lease as scripts know it.
func packClaim(id marconi.ClaimID) string {
	var room [1 + uuidBytes]byte
	if packed, ok := appendUUID(append(room[:0], packedUUID...), string(id)); ok {
		return string(packed)
	}
	if digits, found := strings.CutPrefix(string(id), leasePrefix); found {
		if packed, ok := appendHex(append(room[:0], packedLease...), uuidBytes, digits); ok {
			return string(packed)
		}
	}
	return packedText + string(id)
}

func unpackClaim(packed string) (marconi.ClaimID, error) {
	kind, raw := packed[:1], packed[1:]
	switch {
	case kind == packedText:
		return marconi.ClaimID(raw), nil
	case kind == packedUUID && len(raw) == uuidBytes:
		return marconi.ClaimID(unpackUUID(raw)), nil
	case kind == packedLease && len(raw) == uuidBytes:
		return marconi.ClaimID(leasePrefix + hex.EncodeToString([]byte(raw))), nil
	}
	return "", errState
}

func isLease(packed string) bool { return strings.HasPrefix(packed, packedLease) }

func newLease() marconi.ClaimID { return marconi.ClaimID(leasePrefix + randomHex(uuidBytes)) }

func randomHex(bytes int) string {
	raw := make([]byte, bytes)
	rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
