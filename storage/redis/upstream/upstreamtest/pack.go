package upstreamtest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Pack gives a value of Go in MessagePack, as Python writes what JSON can say: nil, bool, int, float64, string, []any and
// map[string]any, and nothing else. Maps have their keys in order.
func Pack(value any) string { return string(pack(nil, value)) }

func pack(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, 0xc0)
	case bool:
		if v {
			return append(b, 0xc3)
		}
		return append(b, 0xc2)
	case int:
		return packInt(b, int64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(v))
	case string:
		return append(packSize(b, len(v), 0xa0, 32, [3]byte{0xd9, 0xda, 0xdb}), v...)
	case []any:
		b = packSize(b, len(v), 0x90, 16, [3]byte{0, 0xdc, 0xdd})
		for _, one := range v {
			b = pack(b, one)
		}
		return b
	case map[string]any:
		b = packSize(b, len(v), 0x80, 16, [3]byte{0, 0xde, 0xdf})
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = pack(pack(b, key), v[key])
		}
		return b
	}
	panic(fmt.Sprintf("Pack of a %T", value))
}

// packInt takes the fewest bytes, as Python's library does.
func packInt(b []byte, n int64) []byte {
	switch {
	case n >= -32 && n < 128:
		return append(b, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}

// packSize begins a value of a size: in the first byte where it fits, else in 1, 2 or 4 that follow. Mark 0 is none.
func packSize(b []byte, n int, short, most int, marks [3]byte) []byte {
	switch {
	case n < most:
		return append(b, byte(short|n))
	case n <= math.MaxUint8 && marks[0] != 0:
		return append(b, marks[0], byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, marks[1]), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, marks[2]), uint32(n))
}
