package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A setting is one assignment in a file, or what comes to the same in another source.
type setting struct {
	key  key
	text string
	at   Origin
}

// maxFileErrors is where reading a file ends that is evidently no configuration.
const maxFileErrors = 20

// An iniReader reads a file by the rules of oslo.config:
//
//   - A line that begins with # or ; is a comment. Nothing else is: the rest of a line belongs to the value.
//   - [group] begins a group, which may come again. An assignment needs one above it.
//   - name = value and name: value assign; what comes first, = or :, divides. Quotes round the whole value are taken off.
//   - A line that begins with a blank goes on with the value above it, as a new line of it. A blank line or a comment
//     ends the value, so nothing may go on behind it.
//
// Names are told apart neither by case nor by - and _.
type iniReader struct {
	file     string
	group    string // "": none yet, or one whose header can't be read
	settings []setting
	errs     []*Error

	line   int
	open   bool // a value that may go on on the next line
	broken bool // what follows belongs to something that can't be read, and was complained about
}

func readINI(file, content string) ([]setting, []*Error) {
	r := &iniReader{file: file}
	content = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(content, "\ufeff"))
	for line := range strings.SplitSeq(content, "\n") {
		r.line++
		r.read(strings.TrimRightFunc(line, isSpace))
		if len(r.errs) >= maxFileErrors {
			break
		}
	}
	return r.settings, r.errs
}

func (r *iniReader) read(line string) {
	if !utf8.ValidString(line) {
		r.fail("the line is not UTF-8 text")
		return
	}
	if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
		r.goOn(trim(line))
		return
	}
	r.open = false
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		r.broken = r.broken && r.group == ""
	case line[0] == '[':
		r.header(line)
	default:
		r.assign(line)
	}
}

func (r *iniReader) goOn(line string) {
	switch {
	case r.open:
		r.settings[len(r.settings)-1].text += "\n" + line
	case !r.broken:
		r.fail("the line begins with a blank, so it goes on with a value, but there is none above it")
	}
}

func (r *iniReader) header(line string) {
	r.group, r.broken = "", true
	name, closed := strings.CutSuffix(line[1:], "]")
	switch {
	case !closed:
		r.fail("the name of a group ends with ]")
	case name == "":
		r.fail("the group has no name")
	default:
		r.group, r.broken = groupName(name), false
	}
}

// assign reads name = value. Lines it can't read are not repeated in messages: they might hold a password.
func (r *iniReader) assign(line string) {
	at := strings.IndexAny(line, "=:")
	switch {
	case at < 0:
		r.fail("the line has no = or :")
	case trim(line[:at]) == "":
		r.fail("there is no name in front of the " + line[at:at+1])
	case r.group == "" && !r.broken:
		r.fail("no group has begun yet, such as [DEFAULT]")
	case r.group != "":
		r.open, r.broken = true, false
		k := key{r.group, optionName(trim(line[:at]))}
		r.settings = append(r.settings, setting{k, unquote(trim(line[at+1:])), r.here()})
	}
}

func (r *iniReader) here() Origin { return Origin{r.file, r.line} }

func (r *iniReader) fail(text string) {
	r.open, r.broken = false, true
	r.errs = append(r.errs, &Error{At: r.here(), Text: text})
}

// unquote takes off quotes round a whole value. One quote alone is both of them to oslo.config.
func unquote(text string) string {
	if text == "" || text[0] != '"' && text[0] != '\'' || text[len(text)-1] != text[0] {
		return text
	}
	return strings.TrimSuffix(text[1:], text[:1])
}

func groupName(text string) string {
	if name := strings.ToLower(text); name != "default" {
		return name
	}
	return "DEFAULT"
}

func optionName(text string) string { return strings.ReplaceAll(strings.ToLower(text), "-", "_") }

func trim(text string) string { return strings.TrimFunc(text, isSpace) }

// isSpace is what Python takes for white space: the four separators of ASCII, too.
func isSpace(r rune) bool { return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f' }
