package apiscript

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var errQuote = errors.New("a quoted word does not end")

// cutWord takes the first word off a line. found is false at its end.
func cutWord(line string) (word, rest string, found bool, err error) {
	line = strings.TrimLeft(line, " \t")
	if line == "" {
		return "", "", false, nil
	}
	if line[0] != '\'' {
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		return line[:end], line[end:], true, nil
	}
	var b strings.Builder
	for rest := line[1:]; ; {
		end := strings.IndexByte(rest, '\'')
		if end < 0 {
			return "", "", false, errQuote
		}
		b.WriteString(rest[:end])
		rest = rest[end+1:]
		if !strings.HasPrefix(rest, "'") {
			return b.String(), rest, true, nil
		}
		b.WriteByte('\'')
		rest = rest[1:]
	}
}

// splitWords takes a line apart into at most max words, of which the last may then be the rest of the line, if tail is
// set. max < 0: all of them.
func splitWords(line string, max int, tail bool) ([]string, error) {
	var words []string
	for {
		if tail && len(words) == max {
			return append(words, strings.Trim(line, " \t")), nil
		}
		word, rest, found, err := cutWord(line)
		if err != nil || !found {
			return words, err
		}
		words, line = append(words, word), rest
	}
}

var (
	variable = regexp.MustCompile(`^\$(?:([A-Za-z][A-Za-z0-9_]*)|\{([A-Za-z][A-Za-z0-9_]*)\})`)
	repeated = regexp.MustCompile(`^\$\{([^}]*?)\*([0-9]+)\}`)
	encoded  = regexp.MustCompile(`^\$\{hex:([0-9A-Fa-f]*)\}`)
	filling  = regexp.MustCompile(`\$\{(fill|blanks):([$A-Za-z0-9_]+)\}`)
)

// expand puts in what $NAME, ${NAME}, ${TEXT*N}, ${hex:C3A4} and $$ stand for. A dollar before anything else is a dollar.
func expand(text string, vars map[string]string) (string, error) {
	var b strings.Builder
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:at])
		value, length, err := expandOne(text[at:], vars)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = text[at+length:]
	}
}

// expandOne gives what the text's beginning stands for, and how long that beginning is.
func expandOne(text string, vars map[string]string) (value string, length int, err error) {
	if strings.HasPrefix(text, "$$") {
		return "$", 2, nil
	}
	if m := variable.FindStringSubmatch(text); m != nil {
		value, found := vars[m[1]+m[2]]
		if !found {
			return "", 0, fmt.Errorf("nothing was saved as $%s", m[1]+m[2])
		}
		return value, len(m[0]), nil
	}
	if m := encoded.FindStringSubmatch(text); m != nil {
		raw, err := hex.DecodeString(m[1])
		return string(raw), len(m[0]), err
	}
	if m := repeated.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[2])
		if err != nil || n > maxFill {
			return "", 0, fmt.Errorf("%s is too long", m[0])
		}
		text, err := expand(m[1], vars)
		return strings.Repeat(text, n), len(m[0]), err
	}
	return "$", 1, nil
}

// maxFill is more than any server takes, and less than hurts.
const maxFill = 16 << 20

// expandBody is expand, and then ${fill:N} or ${blanks:N} once, which brings the whole to N bytes.
func expandBody(text string, vars map[string]string) (string, error) {
	m := filling.FindStringSubmatchIndex(text)
	if m == nil {
		return expand(text, vars)
	}
	before, err := expand(text[:m[0]], vars)
	if err != nil {
		return "", err
	}
	after, err := expand(text[m[1]:], vars)
	if err != nil {
		return "", err
	}
	number, err := expand(text[m[4]:m[5]], vars)
	if err != nil {
		return "", err
	}
	size, err := strconv.Atoi(number)
	missing := size - len(before) - len(after)
	if err != nil || missing < 0 || size > maxFill {
		return "", fmt.Errorf("%s: the rest of the body has %d bytes", text[m[0]:m[1]], len(before)+len(after))
	}
	with := "x"
	if text[m[2]:m[3]] == "blanks" {
		with = " "
	}
	return before + strings.Repeat(with, missing) + after, nil
}

// clip shows bytes to people: not all of many, and nothing a terminal would act on.
func clip(text []byte) string {
	const enough = 1500
	rest := ""
	if len(text) > enough {
		rest = fmt.Sprintf("… (%d bytes)", len(text))
		text = text[:enough]
	}
	shown := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(string(text), "�"))
	return shown + rest
}
