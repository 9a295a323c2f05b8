package rest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"sync/atomic"
)

const (
	requestIDHeader = "X-Openstack-Request-Id"
	requestIDPrefix = "req-"
	uuidLength      = 36
)

// requestIDs names requests: "req-" and a UUID. Random bits for each would cost more than the rest of the header; these
// have 60 random bits that are the process's own, and behind them a counter that starts at random. So no process repeats
// itself, and two meet as seldom as random UUIDs do.
type requestIDs struct {
	front   [len(requestIDPrefix) + 24]byte // as far as the last hyphen
	counter atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	h := hex.EncodeToString(random[:10])

	ids := &requestIDs{}
	copy(ids.front[:], requestIDPrefix+h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:]+"-")
	ids.counter.Store(uint64(binary.BigEndian.Uint32(random[12:])))
	return ids
}

// of is the ID of a request: its own if it brought one, so that it can be followed through several services.
func (ids *requestIDs) of(r *http.Request) string {
	if given := r.Header[requestIDHeader]; len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return ids.next()
}

func (ids *requestIDs) next() string {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], ids.counter.Add(1))
	var id [len(requestIDPrefix) + uuidLength]byte
	copy(id[:], ids.front[:])
	hex.Encode(id[len(ids.front):], n[2:])
	return string(id[:])
}

func isRequestID(text string) bool {
	if len(text) != len(requestIDPrefix)+uuidLength || text[:len(requestIDPrefix)] != requestIDPrefix {
		return false
	}
	for i, c := range []byte(text[len(requestIDPrefix):]) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if hyphen && c != '-' || !hyphen && !digit {
			return false
		}
	}
	return true
}
