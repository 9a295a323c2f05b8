package apiscript

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// An Option is a line of the server's configuration that a script wants.
type Option struct{ Section, Name, Value string }

// A Script is a parsed script.
type Script struct {
	Name     string   // of its file
	Versions []string // such as v1.1; the script runs once for each
	Options  []Option // in their order; of two with one name the later counts
	Needs    []string // promises that a store has to make for the script to hold over it, such as fifo

	header Header
	steps  []step
	files  map[string]string
}

// A step is a line and what it does, or a loop and its block.
type step struct {
	where string // file and line, and where that was included
	note  string // the note above it
	text  string
	only  []string // the versions it is for; none: all

	directive
	args  []string
	block []step
}

func (s step) holds(version string) bool {
	return len(s.only) == 0 || slices.Contains(s.only, version)
}

// Load reads and parses the script of that name; what it includes is looked for in the folder include beside it.
func Load(fsys fs.FS, name string) (*Script, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read a script: %w", err)
	}
	// The library is at a loss with a file marker that has no room for a name.
	if bytes.Contains(append([]byte{'\n'}, data...), []byte("\n-- --")) {
		return nil, fmt.Errorf("%s: a file has no name", name)
	}
	archive := txtar.Parse(data)
	s := &Script{Name: name, header: functional, files: map[string]string{}}
	for _, f := range archive.Files {
		s.files[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}
	p := &parser{script: s, fsys: fsys, file: name, lines: strings.Split(string(archive.Comment), "\n")}
	if s.steps, err = p.block(false); err != nil {
		return nil, err
	}
	if len(s.Versions) == 0 {
		return nil, fmt.Errorf("%s: a script says which versions it is for", name)
	}
	return s, nil
}

// LoadAll loads the scripts that a pattern of [fs.Glob] matches.
func LoadAll(fsys fs.FS, pattern string) ([]*Script, error) {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, fmt.Errorf("look for scripts: %w", err)
	}
	var scripts []*Script
	var errs []error
	for _, name := range names {
		s, err := Load(fsys, name)
		scripts, errs = append(scripts, s), append(errs, err)
	}
	return scripts, errors.Join(errs...)
}

// A parser reads the lines of one file.
type parser struct {
	script *Script
	fsys   fs.FS
	file   string
	from   string // where the file was included, if it was
	lines  []string
	next   int
	note   string
	begun  bool // a step was read, so that the head is over
}

// A SyntaxError says which line of a script is wrong, and why.
type SyntaxError struct {
	Where, Line string
	Err         error
}

// Error shows the line.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Where, e.Line, e.Err) }

// Unwrap is the reason.
func (e *SyntaxError) Unwrap() error { return e.Err }

var errEnd = errors.New("end")

// block reads steps, up to the line "end" in a loop and else to the end of the file.
func (p *parser) block(loop bool) ([]step, error) {
	var steps []step
	for p.next < len(p.lines) {
		line := strings.Trim(p.lines[p.next], " \t\r")
		p.next++
		more, err := p.line(line)
		if errors.Is(err, errEnd) && loop {
			return steps, nil
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}
	if loop {
		return nil, errors.New("this loop has no end")
	}
	return steps, nil
}

func (p *parser) where() string {
	at := fmt.Sprintf("%s:%d", p.file, p.next)
	if p.from != "" {
		at += ", included at " + p.from
	}
	return at
}

func (p *parser) line(line string) ([]step, error) {
	if line == "" {
		return nil, nil
	}
	if note, found := strings.CutPrefix(line, "#"); found {
		p.note = strings.TrimSpace(note)
		return nil, nil
	}
	where := p.where()
	steps, err := p.step(step{where: where, note: p.note, text: line})
	var inner *SyntaxError
	if err != nil && !errors.Is(err, errEnd) && !errors.As(err, &inner) {
		err = &SyntaxError{where, line, err}
	}
	return steps, err
}

func (p *parser) step(s step) ([]step, error) {
	rest, err := s.condition()
	if err != nil {
		return nil, err
	}
	verb, rest, _, err := cutWord(rest)
	if err != nil {
		return nil, err
	}
	switch {
	case verb == "end":
		return nil, errEnd
	case verb == "include":
		return p.include(s, strings.TrimSpace(rest))
	case heads[verb] != nil:
		return nil, p.head(s, heads[verb], rest)
	}
	if s.directive, err = directiveOf(verb); err != nil {
		return nil, err
	}
	p.begun = p.begun || verb != "row"
	if s.verb == "request" {
		rest = verb + rest
	}
	if s.args, err = s.directive.parse(rest); err != nil {
		return nil, err
	}
	if s.loop {
		s.block, err = p.block(true)
	}
	return []step{s}, err
}

// condition takes [v1 v1.1] off the line.
func (s *step) condition() (rest string, err error) {
	if !strings.HasPrefix(s.text, "[") {
		return s.text, nil
	}
	versions, rest, found := strings.Cut(s.text[1:], "]")
	s.only = strings.Fields(versions)
	if !found || len(s.only) == 0 {
		return "", errors.New("a condition names versions: [v1 v1.1]")
	}
	for _, v := range s.only {
		if !knownVersion(v) {
			return "", fmt.Errorf("there is no version %q", v)
		}
	}
	return rest, nil
}

func knownVersion(v string) bool { return slices.Contains([]string{"v1", "v1.1", "v2"}, v) }

// include puts the lines of another file in this place, under this step's condition.
func (p *parser) include(s step, name string) ([]step, error) {
	file := path.Join(path.Dir(p.script.Name), "include", name+".txt")
	data, err := fs.ReadFile(p.fsys, file)
	if err != nil {
		return nil, err
	}
	if p.from != "" {
		return nil, errors.New("an included file does not include others")
	}
	inner := &parser{script: p.script, fsys: p.fsys, file: file, from: s.where, note: s.note}
	inner.lines = strings.Split(string(data), "\n")
	steps, err := inner.block(false)
	if err != nil || len(s.only) == 0 {
		return steps, err
	}
	all := directive{verb: "all", loop: true, do: (*run).all}
	return []step{{where: s.where, note: s.note, text: s.text, only: s.only, directive: all, block: steps}}, nil
}

// heads are the directives that say what server a script wants.
var heads = map[string]func(*Script, []string) error{
	"versions": (*Script).setVersions,
	"option":   (*Script).addOption,
	"admin":    (*Script).setAdmin,
	"setup":    (*Script).setUp,
	"needs":    (*Script).addNeeds,
}

func (p *parser) head(s step, set func(*Script, []string) error, rest string) error {
	if p.begun || len(s.only) > 0 || p.from != "" {
		return errors.New("the head of a script comes first and without conditions")
	}
	words, err := splitWords(rest, -1, false)
	if err != nil {
		return err
	}
	return set(p.script, words)
}

func (s *Script) setVersions(words []string) error {
	s.Versions = words
	for _, v := range words {
		if !knownVersion(v) {
			return fmt.Errorf("there is no version %q", v)
		}
	}
	return nil
}

// needs are the promises that not every store makes.
var needs = []string{"fifo", "exact-claims"}

func (s *Script) addNeeds(words []string) error {
	for _, need := range words {
		if !slices.Contains(needs, need) {
			return fmt.Errorf("nothing is known of %q; a script may need %s", need, strings.Join(needs, ", "))
		}
	}
	s.Needs = append(s.Needs, words...)
	if len(words) == 0 {
		return errors.New("needs names what a store has to promise")
	}
	return nil
}

func (s *Script) addOption(words []string) error {
	if len(words) != 2 {
		return errors.New("an option is SECTION/NAME VALUE")
	}
	section, name, found := strings.Cut(words[0], "/")
	if !found {
		return errors.New("an option is SECTION/NAME VALUE")
	}
	s.Options = append(s.Options, Option{section, name, words[1]})
	return nil
}

func (s *Script) setAdmin(words []string) error {
	if len(words) > 0 {
		return errors.New("admin stands alone")
	}
	s.Options = append(s.Options, Option{"DEFAULT", "admin_mode", strconv.FormatBool(true)})
	return nil
}

func (s *Script) setUp(words []string) error {
	if len(words) != 1 || words[0] != "unit" {
		return errors.New("the set-up that can be asked for is: unit")
	}
	s.header = unit
	return s.setAdmin(nil)
}
