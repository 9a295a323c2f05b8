package upstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// deepest is how deep values may lie in values. Python reads and writes no deeper ones.
const deepest = 1000

var (
	errCut  = errors.New("the MessagePack is cut off")
	errUTF8 = errors.New("a text in the MessagePack is not UTF-8")
)

// toJSON gives the JSON of one value in MessagePack. What JSON has no word for is an error.
func toJSON(packed string) ([]byte, error) {
	d := decoder{rest: packed, out: make([]byte, 0, len(packed)+len(packed)/4+16)}
	if err := d.value(0); err != nil {
		return nil, err
	}
	if d.rest != "" {
		return nil, fmt.Errorf("%d bytes follow the MessagePack", len(d.rest))
	}
	return d.out, nil
}

type decoder struct {
	rest string
	out  []byte
}

func (d *decoder) take(n uint64) (string, error) {
	if n > uint64(len(d.rest)) {
		return "", errCut
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken, nil
}

// number takes an unsigned number of 1, 2, 4 or 8 bytes.
func (d *decoder) number(bytes uint64) (uint64, error) {
	raw, err := d.take(bytes)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[8-bytes:], raw)
	return binary.BigEndian.Uint64(full[:]), nil
}

func (d *decoder) value(depth int) error {
	if depth > deepest {
		return errors.New("the MessagePack is too deep")
	}
	first, err := d.number(1)
	if err != nil {
		return err
	}
	c := byte(first)
	switch {
	case c < 0x80:
		d.out = strconv.AppendUint(d.out, first, 10)
		return nil
	case c < 0x90:
		return d.object(first&0x0f, depth)
	case c < 0xa0:
		return d.array(first&0x0f, depth)
	case c < 0xc0:
		return d.text(first & 0x1f)
	case c >= 0xe0:
		d.out = strconv.AppendInt(d.out, int64(int8(c)), 10)
		return nil
	}
	return d.marked(c, depth)
}

// marked takes a value whose first byte says only what it is.
func (d *decoder) marked(c byte, depth int) error {
	switch c {
	case 0xc0:
		d.out = append(d.out, "null"...)
		return nil
	case 0xc2, 0xc3:
		d.out = strconv.AppendBool(d.out, c == 0xc3)
		return nil
	case 0xc4, 0xc5, 0xc6: // bytes: what Python 2 wrote as text
		return d.sized(1<<(c-0xc4), d.text)
	case 0xca, 0xcb:
		return d.float(c)
	case 0xcc, 0xcd, 0xce, 0xcf:
		n, err := d.number(1 << (c - 0xcc))
		d.out = strconv.AppendUint(d.out, n, 10)
		return err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return d.signed(1 << (c - 0xd0))
	case 0xd9, 0xda, 0xdb:
		return d.sized(1<<(c-0xd9), d.text)
	case 0xdc, 0xdd:
		return d.sized(2<<(c-0xdc), func(n uint64) error { return d.array(n, depth) })
	case 0xde, 0xdf:
		return d.sized(2<<(c-0xde), func(n uint64) error { return d.object(n, depth) })
	}
	return fmt.Errorf("the MessagePack has a value of kind %#x, which JSON has not", c)
}

// sized takes a size of so many bytes, and then what has that size.
func (d *decoder) sized(bytes uint64, take func(uint64) error) error {
	n, err := d.number(bytes)
	if err != nil {
		return err
	}
	return take(n)
}

func (d *decoder) signed(bytes uint64) error {
	n, err := d.number(bytes)
	unused := 64 - 8*bytes
	d.out = strconv.AppendInt(d.out, int64(n<<unused)>>unused, 10)
	return err
}

// float writes a number with a fraction or exponent as such, also if the fraction is zero: to many readers of JSON 1 and 1.0 are
// of two types.
func (d *decoder) float(c byte) error {
	f, bits := 0.0, 64
	if c == 0xca {
		n, err := d.number(4)
		if err != nil {
			return err
		}
		f, bits = float64(math.Float32frombits(uint32(n))), 32
	} else {
		n, err := d.number(8)
		if err != nil {
			return err
		}
		f = math.Float64frombits(n)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("the MessagePack has a number that JSON has not")
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		format = 'e'
	}
	start := len(d.out)
	d.out = strconv.AppendFloat(d.out, f, format, -1, bits)
	for _, b := range d.out[start:] {
		if b == '.' || b == 'e' {
			return nil
		}
	}
	d.out = append(d.out, ".0"...)
	return nil
}

func (d *decoder) array(n uint64, depth int) error {
	d.out = append(d.out, '[')
	for i := range n {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		if err := d.value(depth + 1); err != nil {
			return err
		}
	}
	d.out = append(d.out, ']')
	return nil
}

func (d *decoder) object(n uint64, depth int) error {
	d.out = append(d.out, '{')
	for i := range n {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		before := len(d.out)
		if err := d.value(depth + 1); err != nil {
			return err
		}
		if d.out[before] != '"' {
			return errors.New("the MessagePack has a map with a key that is no text")
		}
		d.out = append(d.out, ':')
		if err := d.value(depth + 1); err != nil {
			return err
		}
	}
	d.out = append(d.out, '}')
	return nil
}

func (d *decoder) text(n uint64) error {
	s, err := d.take(n)
	if err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		return errUTF8
	}
	d.out = append(d.out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			d.out = append(d.out, '\\', c)
		case c < ' ':
			d.out = append(d.out, `\u00`...)
			d.out = append(d.out, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			d.out = append(d.out, c)
		}
	}
	d.out = append(d.out, '"')
	return nil
}
