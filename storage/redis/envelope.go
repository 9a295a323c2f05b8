package redis

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
)

// An envelope is what stands beside a message's body, and never changes:
//
//	6 bytes  when it ends, in milliseconds
//	4 bytes  TTL in seconds
//	1 byte   flags
//	the client: 16 bytes of a UUID, or 2 bytes of length and a text
//	the checksum: 16 bytes of an MD5, or a text, or nothing
//	6 bytes  until when it is delayed, if it is
//
// All numbers begin with their highest byte. The scripts write what depends on the time: the first two, and the last.
const (
	flagDelayed = 1 << iota
	flagUUID
	flagMD5
)

const (
	endBytes      = 6
	ttlBytes      = 4
	envelopeFlags = endBytes + ttlBytes // where the flags are
	uuidBytes     = 16
	lengthBytes   = 2 // of a client that is no UUID
	md5Bytes      = 16
	md5Prefix     = "MD5:"
)

var errEnvelope = errors.New("a message in Redis can't be read: its envelope is not whole")

// An envelope as it is read.
type envelope struct {
	ttl      marconi.Seconds
	client   packedClient
	checksum string
}

// A packedClient is a client as envelopes have it. None is the beginning of another of its kind.
type packedClient struct {
	raw  string
	uuid bool
}

func packClient(c marconi.ClientID) packedClient {
	var room [uuidBytes]byte
	if raw, ok := appendUUID(room[:0], string(c)); ok {
		return packedClient{string(raw), true}
	}
	return packedClient{string(binary.BigEndian.AppendUint16(nil, uint16(len(c)))) + string(c), false}
}

func (c packedClient) unpack() marconi.ClientID {
	if c.uuid {
		return marconi.ClientID(unpackUUID(c.raw))
	}
	return marconi.ClientID(c.raw[lengthBytes:])
}

// pack packs the envelope of a message of the client, from the TTL on and with the length of a delay in place of its end: what depends on
// the time is the script's to write.
func (c packedClient) pack(m *marconi.NewMessage) string {
	packed := make([]byte, 0, ttlBytes+1+len(c.raw)+len(m.Checksum)+ttlBytes)
	packed = append(binary.BigEndian.AppendUint32(packed, uint32(m.TTL)), 0)
	packed = append(packed, c.raw...)
	sum, isMD5 := strings.CutPrefix(m.Checksum, md5Prefix)
	if isMD5 {
		packed, isMD5 = appendHex(packed, md5Bytes, sum)
	}
	if !isMD5 {
		packed = append(packed, m.Checksum...)
	}
	if c.uuid {
		packed[ttlBytes] |= flagUUID
	}
	if isMD5 {
		packed[ttlBytes] |= flagMD5
	}
	if m.Delay > 0 {
		packed[ttlBytes] |= flagDelayed
		packed = binary.BigEndian.AppendUint32(packed, uint32(m.Delay))
	}
	return rueidis.BinaryString(packed)
}

func packTTL(ttl marconi.Seconds) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(ttl)))
}

func parseEnvelope(packed string) (envelope, error) {
	if len(packed) <= envelopeFlags {
		return envelope{}, errEnvelope
	}
	flags, rest := packed[envelopeFlags], packed[envelopeFlags:]
	if flags&flagDelayed != 0 {
		if len(rest) < 1+endBytes {
			return envelope{}, errEnvelope
		}
		rest = rest[:len(rest)-endBytes]
	}
	client, rest, ok := parsePoster(rest)
	if !ok {
		return envelope{}, errEnvelope
	}
	e := envelope{ttl: marconi.Seconds(bigEndian(packed[endBytes:envelopeFlags])), client: client, checksum: rest}
	if flags&flagMD5 != 0 {
		if len(rest) != md5Bytes {
			return envelope{}, errEnvelope
		}
		e.checksum = md5Prefix + hex.EncodeToString([]byte(rest))
	}
	return e, nil
}

// parsePoster reads the client of an envelope, given from its flags on, and gives what comes behind.
func parsePoster(packed string) (client packedClient, rest string, ok bool) {
	if packed == "" {
		return packedClient{}, "", false
	}
	flags, rest := packed[0], packed[1:]
	n, uuid := uuidBytes, flags&flagUUID != 0
	if !uuid {
		if len(rest) < lengthBytes {
			return packedClient{}, "", false
		}
		n = lengthBytes + int(bigEndian(rest[:lengthBytes]))
	}
	if len(rest) < n {
		return packedClient{}, "", false
	}
	return packedClient{rest[:n], uuid}, rest[n:], true
}

// bigEndian reads a number of up to eight bytes.
func bigEndian(packed string) int64 {
	var n int64
	for i := range len(packed) {
		n = n<<8 | int64(packed[i])
	}
	return n
}

// appendUUID packs a UUID in the one spelling that it unpacks to.
func appendUUID(dst []byte, text string) ([]byte, bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return dst, false
	}
	return appendHex(dst, uuidBytes, text[:8], text[9:13], text[14:18], text[19:23], text[24:])
}

func unpackUUID(raw string) string {
	var digits [2 * uuidBytes]byte
	hex.Encode(digits[:], []byte(raw))
	var text [36]byte
	copy(text[:8], digits[:8])
	copy(text[9:13], digits[8:12])
	copy(text[14:18], digits[12:16])
	copy(text[19:23], digits[16:20])
	copy(text[24:], digits[20:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// appendHex packs n bytes of lower-case hexadecimal digits, which come in pieces.
func appendHex(dst []byte, n int, pieces ...string) ([]byte, bool) {
	packed, err := dst, error(nil)
	for _, digits := range pieces {
		if strings.ToLower(digits) != digits {
			return dst, false
		}
		if packed, err = hex.AppendDecode(packed, []byte(digits)); err != nil {
			return dst, false
		}
	}
	if len(packed) != len(dst)+n {
		return dst, false
	}
	return packed, true
}
