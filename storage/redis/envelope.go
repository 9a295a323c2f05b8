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
	md5Bytes      = 16
)

var errEnvelope = errors.New("a message in Redis can't be read: its envelope is not whole")

// An envelope as it is read.
type envelope struct {
	ttl      marconi.Seconds
	client   marconi.ClientID
	checksum string
}

// A packedClient is a client as envelopes have it. None is the beginning of another of its kind.
type packedClient struct {
	raw  string
	uuid bool
}

func packClient(c marconi.ClientID) packedClient {
	if raw, ok := packUUID(string(c)); ok {
		return packedClient{raw, true}
	}
	return packedClient{string(binary.BigEndian.AppendUint16(nil, uint16(len(c)))) + string(c), false}
}

// pack packs the envelope of a message of the client, from the TTL on and with the length of a delay in place of its end: what depends on
// the time is the script's to write.
func (c packedClient) pack(m *marconi.NewMessage) string {
	flags, checksum := byte(0), m.Checksum
	if c.uuid {
		flags |= flagUUID
	}
	if m.Delay > 0 {
		flags |= flagDelayed
	}
	if sum, found := strings.CutPrefix(m.Checksum, "MD5:"); found {
		if raw, ok := packHex(sum, md5Bytes); ok {
			flags |= flagMD5
			checksum = raw
		}
	}
	packed := make([]byte, 0, ttlBytes+1+len(c.raw)+len(checksum)+ttlBytes)
	packed = binary.BigEndian.AppendUint32(packed, uint32(m.TTL))
	packed = append(packed, flags)
	packed = append(packed, c.raw...)
	packed = append(packed, checksum...)
	if m.Delay > 0 {
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
		e.checksum = "MD5:" + hex.EncodeToString([]byte(rest))
	}
	return e, nil
}

// parsePoster reads the client of an envelope, given from its flags on, and gives what comes behind.
func parsePoster(packed string) (client marconi.ClientID, rest string, ok bool) {
	if packed == "" {
		return "", "", false
	}
	flags, rest := packed[0], packed[1:]
	if flags&flagUUID != 0 {
		if len(rest) < uuidBytes {
			return "", "", false
		}
		return marconi.ClientID(unpackUUID(rest[:uuidBytes])), rest[uuidBytes:], true
	}
	if len(rest) < 2 || len(rest)-2 < int(bigEndian(rest[:2])) {
		return "", "", false
	}
	n := 2 + bigEndian(rest[:2])
	return marconi.ClientID(rest[2:n]), rest[n:], true
}

// bigEndian reads a number of up to eight bytes.
func bigEndian(packed string) int64 {
	var n int64
	for i := range len(packed) {
		n = n<<8 | int64(packed[i])
	}
	return n
}

// packUUID packs a UUID in the one spelling that it unpacks to.
func packUUID(text string) (string, bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return "", false
	}
	return packHex(text[:8]+text[9:13]+text[14:18]+text[19:23]+text[24:], uuidBytes)
}

func unpackUUID(raw string) string {
	h := hex.EncodeToString([]byte(raw))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// packHex packs n bytes of lower-case hexadecimal digits.
func packHex(text string, n int) (string, bool) {
	if len(text) != 2*n || strings.ToLower(text) != text {
		return "", false
	}
	raw, err := hex.DecodeString(text)
	return string(raw), err == nil
}
