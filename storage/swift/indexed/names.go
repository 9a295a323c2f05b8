package indexed

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// hashLength is how many characters of a queue's hash are in the names of its segments: 130 bits.
const hashLength = 26

const (
	stampDigits  = 13 // hexadecimal digits of microseconds: they last until 2112
	randomDigits = 10
)

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A layout says which objects the segments of a queue are.
type layout struct {
	prefix     string // of containers
	containers int
}

func (l layout) check() error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	switch {
	case strings.ContainsFunc(l.prefix, bad) || len(l.prefix) > 200:
		return errors.New("the prefix of containers has ASCII letters, digits, hyphens, underscores and dots only, and at most 200")
	case l.containers < 1 || l.containers > 4096:
		return errors.New("there are 1 to 4096 containers")
	}
	return nil
}

// A home is where a queue's segments are: in a container, behind a hash of the queue's incarnation.
type home struct{ container, hash string }

// home is the queue's. No project or name holds a zero in the place of the last one before the incarnation.
func (l layout) home(q marconi.QueueRef) home {
	key := append([]byte(q.Project), 0)
	key = append(append(key, q.Name...), 0)
	key = binary.BigEndian.AppendUint64(key, uint64(q.Incarnation))
	sum := sha256.Sum256(key)
	return home{
		container: fmt.Sprintf("%s-segments-%02d", l.prefix, binary.BigEndian.Uint64(sum[:])%uint64(l.containers)),
		hash:      lowerBase32.EncodeToString(sum[:])[:hashLength],
	}
}

// fresh is a new name, which stands in the order of time.
func (h home) fresh(now time.Time) objects.Path {
	var random [randomDigits / 2]byte
	rand.Read(random[:]) // never fails
	return objects.Path{Container: h.container, Name: h.before(now) + hex.EncodeToString(random[:])}
}

// before is the name that all segments made before the moment stand before.
func (h home) before(moment time.Time) string {
	return fmt.Sprintf("%s/%0*x", h.hash, stampDigits, moment.UnixMicro())
}

// hashOf is the hash in the name of a segment.
func hashOf(at objects.Path) string {
	hash, _, _ := strings.Cut(at.Name, "/")
	return hash
}
