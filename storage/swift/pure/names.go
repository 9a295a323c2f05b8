package pure

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Names of objects in a queue's containers.
const (
	messagePrefix = "m/"
	claimPrefix   = "c/"
	purgePrefix   = claimPrefix + "!purge." // of the marks of purges, which sort before all claims
	nameCard      = "q"                     // says whose the container is
)

const (
	stampDigits = 13 // of microseconds since 1970, which last until 2112
	nameDigits  = stampDigits + 4 + 4

	behind = "~" // sorts behind all that follows a message's name
)

const hexDigits = "0123456789abcdef"

// isName reports whether text has the form of a message's name.
func isName(text string) bool { return len(text) == nameDigits && isHex(text) }

func isHex(text string) bool {
	for i := range len(text) {
		if strings.IndexByte(hexDigits, text[i]) < 0 {
			return false
		}
	}
	return true
}

// stampOf is the time of a name, in microseconds since 1970.
func stampOf(name string) int64 {
	stamp, _ := strconv.ParseInt(name[:stampDigits], 16, 64) // isName has been asked
	return stamp
}

// nodeOf is the process that made a name.
func nodeOf(name string) string { return name[stampDigits : stampDigits+4] }

// placeAt is the place in front of all names of that microsecond.
func placeAt(stamp int64) string {
	return fmt.Sprintf("%0*x", stampDigits, max(stamp, 0)) + strings.Repeat("0", nameDigits-stampDigits)
}

// hash32 is what a marker remembers a name by.
func hash32(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}

// A nameClock makes names that rise: by the clock, but never back, and above every name that was seen.
type nameClock struct {
	now  func() time.Time
	node string

	mu      sync.Mutex // guards what follows
	last    int64      // microseconds
	counter uint16
}

// newNameClock makes a clock whose names no other one makes at the same time: node and counter are random.
func newNameClock(now func() time.Time) *nameClock {
	random := randomHex(4)
	counter, _ := strconv.ParseUint(random[4:], 16, 16)
	return &nameClock{now: now, node: random[:4], counter: uint16(counter)}
}

// next makes n names.
func (c *nameClock) next(n int) []string {
	now := c.now().UnixMicro()
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, n)
	for i := range names {
		c.last = max(now, c.last+1)
		c.counter++
		names[i] = fmt.Sprintf("%0*x%s%04x", stampDigits, c.last, c.node, c.counter)
	}
	return names
}

// latest is the place behind all names made or seen so far.
func (c *nameClock) latest() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.now().UnixMicro(), c.last) + 1
	return placeAt(c.last)
}

// saw pushes the clock forward to a name made elsewhere.
func (c *nameClock) saw(name string) {
	stamp := stampOf(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, stamp)
}

// Generations up to 0xfff are written with three digits, as L; the few beyond with six, as M, which sorts behind.
const (
	shortGeneration = 0xfff
	lastGeneration  = 0xffffff
)

// leaseName is the name of a message's lease, without the prefix.
func leaseName(message string, generation int) string {
	if generation <= shortGeneration {
		return fmt.Sprintf("%s.L%03x", message, generation)
	}
	return fmt.Sprintf("%s.M%06x", message, generation)
}

// parseName reads the name of a message, whose generation is 0, or of a lease, without the prefix.
func parseName(text string) (message string, generation int, ok bool) {
	message, suffix, isLease := strings.Cut(text, ".")
	if !isName(message) {
		return "", 0, false
	}
	if !isLease {
		return message, 0, true
	}
	if suffix == "" || !isHex(suffix[1:]) {
		return "", 0, false
	}
	g, err := strconv.ParseInt(suffix[1:], 16, 32)
	if err != nil || g < 1 || leaseName(message, int(g)) != text {
		return "", 0, false
	}
	return message, int(g), true
}

// place names the containers of a queue.
type place struct {
	stem   string // of the queue
	shards int
}

// placeOf is where a queue's objects are.
func (s *Store) placeOf(q marconi.QueueRef) place {
	text := make([]byte, 0, len(q.Project)+len(q.Name)+10)
	text = append(text, q.Project...)
	text = append(text, 0)
	text = append(text, q.Name...)
	text = binary.BigEndian.AppendUint64(text, uint64(q.Incarnation))
	sum := sha256.Sum256(text)
	return place{s.o.Namespace + "-" + lowerBase32.EncodeToString(sum[:])[:26], s.o.Shards}
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// shard is the name of one of the queue's containers.
func (p place) shard(i int) string {
	if i == 0 {
		return p.stem
	}
	return p.stem + "-" + strconv.Itoa(i)
}

// containerOf is the container that has a message and its leases.
func (p place) containerOf(message string) string {
	if p.shards == 1 {
		return p.stem
	}
	return p.shard(int(hash32(message) % uint32(p.shards)))
}

func (p place) message(name string) objects.Path {
	return objects.Path{Container: p.containerOf(name), Name: messagePrefix + name}
}

func (p place) lease(name string, generation int) objects.Path {
	return objects.Path{Container: p.containerOf(name), Name: messagePrefix + leaseName(name, generation)}
}

func (p place) claim(id marconi.ClaimID) objects.Path {
	return objects.Path{Container: p.stem, Name: claimPrefix + string(id)}
}

func (p place) purge(text string) objects.Path {
	return objects.Path{Container: p.stem, Name: purgePrefix + text}
}

func (p place) card() objects.Path { return objects.Path{Container: p.stem, Name: nameCard} }

// Claims that no client can name: those of dead letters, and those of pops.
const (
	spentPrefix = "spent-"
	popPrefix   = "pop-"
)

// isClaimID reports whether a claim may have that ID: what a client has made up is never a name of an object.
func isClaimID(id marconi.ClaimID) bool {
	return isPlain(string(id)) && !strings.HasPrefix(string(id), spentPrefix) && !strings.HasPrefix(string(id), popPrefix)
}

func isPlain(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// randomHex is 2n hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
