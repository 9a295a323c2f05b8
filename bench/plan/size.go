package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// A Size is how large a body is to be, in bytes: fixed:1KiB, uniform:1KiB..4KiB, lognormal:MEDIAN,SIGMA,
// mix:{0.8: 80B, 0.2: 1.5KiB}, or file:PATH, whose lines are drawn evenly. A size alone is fixed.
// The zero value is 0 bytes, the least that the envelope of a message takes.
//
// A file is read when a plan is, and its digest joins the text: file:PATH#1a2b3c4d5e6f7a8b. A Size that was read back from
// the results of a run has no file and draws 0.
type Size struct {
	kind   string
	a, b   int // fixed: a; uniform: a to b; lognormal: a is the median
	sigma  float64
	parts  []part // of a mix
	path   string
	digest string
	lines  []int // of the file, in the order they stand in
}

// A part of a mix has a share of all messages. Shares are kept as they are written: they are read back the same.
type part struct {
	share float64
	size  int
}

// ParseSize reads a size as a plan writes it. It opens no file.
func ParseSize(text string) (Size, error) {
	c, err := parseCall(text)
	if err != nil {
		return Size{}, err
	}
	s := Size{kind: c.kind}
	switch c.kind {
	case "", "fixed":
		if text == "0B" {
			return Size{}, nil
		}
		s.kind = ""
		s.a, err = parseBytes(c.argument)
	case "uniform":
		s.a, s.b, err = parseRange(c.argument, parseBytes)
	case "lognormal":
		s.a, s.sigma, err = parseLognormal(c.argument, parseBytes)
	case "mix":
		s.parts, err = parseMix(c.pairs)
	case "file":
		s.path, s.digest, err = parseFile(c.argument)
	default:
		return Size{}, unknownWord(c.kind, "size", "fixed", "uniform", "lognormal", "mix", "file")
	}
	if err != nil {
		return Size{}, err
	}
	return s, nil
}

func parseMix(pairs []callPair) ([]part, error) {
	var parts []part
	sum := 0.0
	for _, p := range pairs {
		share, err := parseNumber(p.key)
		if err != nil || share <= 0 || share > 1 {
			return nil, fmt.Errorf("the share %q in a mix is not above 0 and up to 1", p.key)
		}
		size, err := parseBytes(p.value)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{share, size})
		sum += share
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("a mix needs its parts: write mix:{0.8: 80B, 0.2: 1.5KiB}")
	}
	if math.Abs(sum-1) > 1e-6 {
		return nil, fmt.Errorf("the shares of a mix add up to %.6g, not to 1", sum)
	}
	return parts, nil
}

func parseFile(text string) (path, digest string, err error) {
	path, digest, _ = strings.Cut(text, "#")
	if path == "" || strings.ContainsAny(path, "{},:\n") {
		return "", "", fmt.Errorf("%q is no path of a file: it may not be empty nor hold { } , : #", path)
	}
	return path, digest, nil
}

// load reads the lines of a file of sizes, and refuses one that is not what its digest says.
func (s *Size) load() error {
	if s.kind != "file" {
		return nil
	}
	data, digest, err := readDigested(s.path, s.digest)
	if err != nil {
		return err
	}
	s.digest = digest
	s.lines = nil
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		size, err := parseBytes(line)
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		s.lines = append(s.lines, size)
	}
	if len(s.lines) == 0 {
		return fmt.Errorf("%s holds no sizes: write one a line, as 80B", s.path)
	}
	return nil
}

// maxFile bounds what is read of a file that a plan names.
const maxFile = 64 << 20

func readDigested(path, want string) (data []byte, digest string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, "", fmt.Errorf("%s is no file of at most %s", path, formatBytes(maxFile))
	}
	if data, err = os.ReadFile(path); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	digest = hex.EncodeToString(sum[:8])
	if want != "" && want != digest {
		return nil, "", fmt.Errorf("%s has changed: its digest is %s, the plan has %s", path, digest, want)
	}
	return data, digest, nil
}

// Draw gives the size of the next body.
func (s Size) Draw(r *rand.Rand) int {
	switch s.kind {
	case "uniform":
		return s.a + r.IntN(s.b-s.a+1)
	case "lognormal":
		return min(max(1, int(math.Round(float64(s.a)*math.Exp(s.sigma*r.NormFloat64())))), s.Max())
	case "mix":
		return s.drawPart(r.Float64())
	case "file":
		if len(s.lines) == 0 {
			return 0
		}
		return s.lines[r.IntN(len(s.lines))]
	}
	return s.a
}

func (s Size) drawPart(x float64) int {
	for _, p := range s.parts {
		if x < p.share {
			return p.size
		}
		x -= p.share
	}
	return s.parts[len(s.parts)-1].size // the shares add up to 1 only nearly
}

// Max is the largest size that is drawn; the tail of a lognormal is cut at four sigmas.
func (s Size) Max() int {
	switch s.kind {
	case "uniform":
		return s.b
	case "lognormal":
		return int(math.Ceil(float64(s.a) * math.Exp(4*s.sigma)))
	case "mix":
		return slices.MaxFunc(s.parts, func(p, q part) int { return p.size - q.size }).size
	case "file":
		return slices.Max(append([]int{0}, s.lines...))
	}
	return s.a
}

// String is the size as a plan writes it.
func (s Size) String() string {
	switch s.kind {
	case "uniform":
		return fmt.Sprintf("uniform:%s..%s", formatBytes(s.a), formatBytes(s.b))
	case "lognormal":
		return fmt.Sprintf("lognormal:%s,%v", formatBytes(s.a), s.sigma)
	case "mix":
		parts := make([]string, len(s.parts))
		for i, p := range s.parts {
			parts[i] = fmt.Sprintf("%v: %s", p.share, formatBytes(p.size))
		}
		return "mix:{" + strings.Join(parts, ", ") + "}"
	case "file":
		if s.digest != "" {
			return "file:" + s.path + "#" + s.digest
		}
		return "file:" + s.path
	}
	if s.a == 0 {
		return "0B"
	}
	return formatBytes(s.a)
}

// MarshalText gives what a plan writes.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSize].
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
