package ledger

import (
	"encoding/json"
	"hash/crc32"
	"slices"
	"strconv"
	"time"
)

// A Body is what a message says of itself. On the wire it is a JSON object:
//
//	{"r":run,"p":producer,"q":queue,"n":number,"b":batch,"i":index,"k":size of batch,"t":intended ns,"x":checksum,"d":"filler"}
//
// The checksum covers the values of all other members, not their spelling: a service may write JSON anew, with its members
// in another order or with blanks between them. It finds every error that lies within four bytes.
type Body struct {
	Run      string
	Producer uint32
	Queue    uint64 // of [QueueHash]
	Number   uint32 // counts the producer's messages
	Batch    uint32 // the number of the first message of its post
	Index    int    // its place in the post
	Size     int    // how many messages the post had
	Intended time.Duration
	Filler   []byte // a text that makes the body larger
}

// QueueHash is how a body names its queue.
func QueueHash(project, queue string) uint64 {
	// FNV-1a: the same in every process, for producers and consumers may be apart.
	h := uint64(14695981039346656037)
	for _, text := range [...]string{project, "\x00", queue} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	return h
}

// The largest parts of a body that the ledger has room for.
const (
	maxNumber = 1<<32 - 2
	maxBatch  = 1<<16 - 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the body as JSON.
func (b Body) Append(dst []byte) []byte {
	start := len(dst)
	dst = b.appendHead(dst)
	sum := b.checksum(dst[start:])
	dst = append(dst, `"x":"`...)
	dst = appendHex(dst, uint64(sum), 8)
	dst = append(dst, `","d":`...)
	dst = appendText(dst, b.Filler)
	return append(dst, '}')
}

// AppendPadded is Append with a filler, in place of the body's own, that brings it to size bytes, if it isn't larger without one. The filler
// follows from the producer and the number and does not compress well, but for a share of it at its start, which is the same letter.
func (b Body) AppendPadded(dst []byte, size int, compressible float64) []byte {
	const (
		blank  = `"x":"00000000","d":"`
		sumAt  = len(`"x":"`)
		behind = len(`"}`)
	)
	start := len(dst)
	dst = b.appendHead(dst)
	tail := len(dst)
	dst = append(dst, blank...)
	filler := len(dst)
	missing := max(size-(filler-start)-behind, 0)
	dst = slices.Grow(dst, missing+behind)[:filler+missing]
	b.Filler = dst[filler:]
	b.fill(compressible)
	sum := crc32.Update(crc32.Update(0, castagnoli, dst[start:tail]), castagnoli, b.Filler)
	appendHex(dst[:tail+sumAt], uint64(sum), 8)
	return append(dst, `"}`...)
}

// fill writes the filler.
func (b Body) fill(compressible float64) {
	same := int(compressible * float64(len(b.Filler)))
	for i := range same {
		b.Filler[i] = 'x'
	}
	state := uint64(b.Producer)<<32 | uint64(b.Number) | 1<<63
	for rest := b.Filler[same:]; len(rest) > 0; {
		state ^= state << 13 // xorshift64: one step is good for four pairs
		state ^= state >> 7
		state ^= state << 17
		if len(rest) < 8 {
			var last [8]byte
			fillPairs(last[:], state)
			copy(rest, last[:])
			return
		}
		fillPairs(rest[:8], state)
		rest = rest[8:]
	}
}

func fillPairs(eight []byte, random uint64) {
	_ = eight[7]
	const all = uint64(len(letterPairs) - 1)
	*(*[2]byte)(eight[0:]) = letterPairs[random&all]
	*(*[2]byte)(eight[2:]) = letterPairs[random>>12&all]
	*(*[2]byte)(eight[4:]) = letterPairs[random>>24&all]
	*(*[2]byte)(eight[6:]) = letterPairs[random>>36&all]
}

// letterPairs are all pairs of 64 letters.
var letterPairs = func() (pairs [1 << 12][2]byte) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range pairs {
		pairs[i] = [2]byte{letters[i>>6], letters[i&63]}
	}
	return pairs
}()

// appendHead appends all members before the checksum.
func (b Body) appendHead(dst []byte) []byte {
	dst = appendText(append(dst, `{"r":`...), []byte(b.Run))
	dst = strconv.AppendUint(append(dst, `,"p":`...), uint64(b.Producer), 10)
	dst = appendHex(append(dst, `,"q":"`...), b.Queue, 16)
	dst = strconv.AppendUint(append(dst, `","n":`...), uint64(b.Number), 10)
	dst = strconv.AppendUint(append(dst, `,"b":`...), uint64(b.Batch), 10)
	dst = strconv.AppendInt(append(dst, `,"i":`...), int64(b.Index), 10)
	dst = strconv.AppendInt(append(dst, `,"k":`...), int64(b.Size), 10)
	dst = strconv.AppendInt(append(dst, `,"t":`...), int64(b.Intended), 10)
	return append(dst, ',')
}

// checksum is that of the members before it, as appendHead spells them, and of the filler.
func (b Body) checksum(head []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range head { // crc32.Update is faster, but would take the head to the heap
		sum = castagnoli[byte(sum)^c] ^ sum>>8
	}
	return crc32.Update(^sum, castagnoli, b.Filler)
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	const hex = "0123456789abcdef"
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hex[v>>shift&15])
	}
	return dst
}

// appendText appends a JSON string.
func appendText(dst, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(string(text)) // a string has no error
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}
