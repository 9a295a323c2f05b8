package indexed

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// magic begins every segment; its last byte is the version of what follows.
const magic = "marconi\x01"

const sumBytes = 4

var errSegment = errors.New("the object is no segment, a torn one, or one that was put under another name")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A segment is the bodies of one post, as they stand in one object:
//
//	"marconi", 1             the version
//	n                        how many bodies
//	n × (length, body)       lengths and numbers as varints
//	4 bytes                  CRC-32C of the object's name, a zero and all of the above, highest byte first
//
// It never changes.
type segment struct {
	bodies [][]byte
	raw    []byte // that all bodies are parts of
}

// newSegment lays out bodies for an object of that name.
func newSegment(name string, bodies [][]byte) *segment {
	size := len(magic) + binary.MaxVarintLen32*(1+len(bodies)) + sumBytes
	for _, b := range bodies {
		size += len(b)
	}
	s := &segment{bodies: make([][]byte, len(bodies)), raw: make([]byte, 0, size)}
	s.raw = append(s.raw, magic...)
	s.raw = binary.AppendUvarint(s.raw, uint64(len(bodies)))
	for i, b := range bodies {
		s.raw = binary.AppendUvarint(s.raw, uint64(len(b)))
		from := len(s.raw)
		s.raw = append(s.raw, b...)
		s.bodies[i] = s.raw[from:len(s.raw):len(s.raw)]
	}
	s.raw = binary.BigEndian.AppendUint32(s.raw, sumOf(name, s.raw))
	return s
}

// parseSegment reads the content of the object of that name.
func parseSegment(name string, raw []byte) (*segment, error) {
	content := raw
	if len(raw) < len(magic)+sumBytes || string(raw[:len(magic)]) != magic {
		return nil, errSegment
	}
	content, sum := raw[:len(raw)-sumBytes], raw[len(raw)-sumBytes:]
	if binary.BigEndian.Uint32(sum) != sumOf(name, content) {
		return nil, errSegment
	}
	rest := content[len(magic):]
	n, read := binary.Uvarint(rest)
	if read <= 0 || n > uint64(len(rest)-read) { // each body has a length, of a byte at least
		return nil, errSegment
	}
	rest = rest[read:]
	s := &segment{bodies: make([][]byte, n), raw: raw}
	for i := range s.bodies {
		length, read := binary.Uvarint(rest)
		if read <= 0 || length > uint64(len(rest)-read) {
			return nil, errSegment
		}
		end := read + int(length)
		s.bodies[i], rest = rest[read:end:end], rest[end:]
	}
	if len(rest) > 0 {
		return nil, errSegment
	}
	return s, nil
}

func sumOf(name string, content []byte) uint32 {
	sum := crc32.Update(0, castagnoli, append([]byte(name), 0))
	return crc32.Update(sum, castagnoli, content)
}

// What a segment takes in memory beside its content: itself, its place in the cache, and a slice for each body.
const (
	segmentOverhead = 400
	bodyOverhead    = 24
)

// size is how many bytes of memory it takes.
func (s *segment) size() int64 {
	return int64(cap(s.raw)) + bodyOverhead*int64(cap(s.bodies)) + segmentOverhead
}
