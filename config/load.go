package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sources are what a configuration is read from, the weakest first: later files beat earlier ones, the environment
// beats files, flags beat the environment.
type Sources struct {
	// Files are INI files, in the order of their flags.
	Files []string
	// Dir is a folder whose *.conf files are read after Files, sorted by name. "": none.
	Dir string
	// Environ is the environment, as [os.Environ] gives it. An option is MARCONI_<GROUP>__<OPTION>, in capitals, with _
	// for each : and - in it: MARCONI_DEFAULT__ADMIN_MODE, MARCONI_DRIVERS_TRANSPORT_WSGI__PORT. Values are taken as they
	// are: a $ in them is a $.
	Environ []string
	// Flags are the flags that were given on the command line, without their hyphens at the front, and their values,
	// taken as they are. A name is one of [Flags], or group/option for any option.
	Flags map[string]string
}

// Load reads a configuration. Unknown options, and older names of known ones, are warnings. What can't be read is an
// error, and all errors are found, not just the first: each is an [*Error], and they are joined. With an error there is
// no configuration. What can be read, but not be done by this version, is left to [Config.Unsupported].
func Load(s Sources) (*Config, []Warning, error) {
	l := newLoader()
	l.readFiles(s)
	l.readEnviron(s.Environ)
	l.readFlags(s.Flags)
	l.apply()
	if len(l.errs) == 0 {
		l.check()
	}
	if len(l.errs) > 0 {
		return nil, l.warnings, l.err()
	}
	return l.config, l.warnings, nil
}

// A layer is what one source says: a file, the environment, or the flags.
type layer struct {
	settings map[key][]setting
	literal  bool // the texts are the values, without references
}

type loader struct {
	config   *Config
	index    *index
	files    []string
	layers   []layer // the weakest first
	warnings []Warning
	warned   map[string]bool
	errs     []*Error
}

func newLoader() *loader {
	c := Default()
	c.origins = map[key]Origin{}
	return &loader{config: c, index: newIndex(c.groups()), warned: map[string]bool{}}
}

func (l *loader) fail(at Origin, option, text string) {
	l.errs = append(l.errs, &Error{At: at, Option: option, Text: text})
}

// err is all errors, file by file and line by line, and then those of other sources.
func (l *loader) err() error {
	rank := func(e *Error) int {
		if at := slices.Index(l.files, e.At.Source); at >= 0 {
			return at
		}
		return len(l.files)
	}
	slices.SortStableFunc(l.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.At.Line, b.At.Line))
	})
	errs := make([]error, len(l.errs))
	for i, e := range l.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// warn adds a warning, once for each thing that it is about.
func (l *loader) warn(about string, at Origin, text string) {
	if !l.warned[about] {
		l.warned[about] = true
		l.warnings = append(l.warnings, Warning{at, text})
	}
}

func (l *loader) readFiles(s Sources) {
	l.files = slices.Clone(s.Files)
	if s.Dir != "" {
		found, err := confFiles(s.Dir)
		if err != nil {
			l.fail(Origin{Source: s.Dir}, "", "the folder can't be read: "+cause(err))
		}
		l.files = append(l.files, found...)
	}
	for _, file := range l.files {
		content, err := os.ReadFile(file)
		if err != nil {
			l.fail(Origin{Source: file}, "", "the file can't be read: "+cause(err))
			continue
		}
		settings, errs := readINI(file, string(content))
		l.errs = append(l.errs, errs...)
		l.add(settings, false)
	}
}

// confFiles lists the files of a folder that end in .conf, sorted.
func confFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".conf" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// cause is the error without the path, which the message has already.
func cause(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func (l *loader) readEnviron(environ []string) {
	var settings []setting
	for _, line := range environ {
		name, text, _ := strings.Cut(line, "=")
		bare, ours := strings.CutPrefix(name, envPrefix)
		group, option, nested := strings.Cut(bare, "__")
		if !ours || !nested {
			continue
		}
		at := Origin{Source: "environment variable " + name}
		if k, known := l.index.env[name]; known {
			settings = append(settings, setting{k, text, at})
		} else if !ignored(key{groupName(group), optionName(option)}) {
			l.warn(name, at, unknown("no option has this name", l.index.nearestEnv(name)))
		}
	}
	l.add(settings, true)
}

func (l *loader) readFlags(flags map[string]string) {
	var settings []setting
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		at := Origin{Source: "flag --" + name}
		k := l.index.flag(name)
		if len(l.index.names[k]) == 0 {
			l.fail(at, "", unknown("no option has this name", l.index.nearest(k)))
			continue
		}
		settings = append(settings, setting{k, flags[name], at})
	}
	l.add(settings, true)
}

// add puts a source above those before it, and warns of the names in it that it doesn't know or that have a successor.
func (l *loader) add(settings []setting, literal bool) {
	top := layer{settings: map[key][]setting{}, literal: literal}
	for _, s := range settings {
		owners := l.index.names[s.key]
		switch {
		case len(owners) == 0 && ignored(s.key):
		case len(owners) == 0:
			l.warnUnknown(s)
		default:
			top.settings[s.key] = append(top.settings[s.key], s)
			l.warnOlder(s, owners)
		}
	}
	l.layers = append(l.layers, top)
}

func (l *loader) warnUnknown(s setting) {
	if g := s.key.group; !l.index.hasGroup(g) {
		l.warn(g, s.at, unknown("there is no group ["+g+"]", l.index.nearestGroup(g)))
		return
	}
	l.warn(s.key.String(), s.at, unknown("there is no option "+s.key.String(), l.index.nearest(s.key)))
}

func (l *loader) warnOlder(s setting, owners []key) {
	if slices.Contains(owners, s.key) {
		return
	}
	names := make([]string, len(owners))
	for i, k := range owners {
		names[i] = k.String()
	}
	l.warn(s.key.String(), s.at, fmt.Sprintf("%v is an older name of %s", s.key, strings.Join(names, " and ")))
}

// find is what the strongest source that has the option says, under the newest of its names there. Only values that add
// up are taken from several files.
func (l *loader) find(k key) (found []setting, literal bool) {
	o := l.index.options[k]
	for _, layer := range l.layers {
		for _, name := range append([]key{k}, o.older...) {
			here := layer.settings[name]
			if len(here) == 0 {
				continue
			}
			if o.value.many && !layer.literal {
				found = append(slices.Clip(found), here...)
			} else {
				found = here[len(here)-1:]
			}
			literal = layer.literal
			break
		}
	}
	return found, literal
}

// given is the text that find leads to, with references.
func (l *loader) given(k key) (text string, literal, ok bool) {
	found, literal := l.find(k)
	var texts []string
	for _, s := range found {
		// A value may begin on the line below its name.
		if text := strings.TrimPrefix(s.text, "\n"); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n"), literal, len(found) > 0
}

// apply gives every option that was set its value.
func (l *loader) apply() {
	r := &resolver{index: l.index, texts: map[key]*resolved{}, given: l.given}
	// All texts first, since a default must be read before its option is set. Their errors come in the second round.
	l.eachGiven(func(k key, _ Origin) { _, _ = r.text(k) })
	l.eachGiven(func(k key, at Origin) {
		text, err := r.text(k)
		switch {
		case errors.Is(err, errReferred): // said where it is
		case err != nil:
			l.fail(at, k.String(), err.Error())
		default:
			l.set(k, at, text)
		}
	})
}

func (l *loader) eachGiven(do func(k key, at Origin)) {
	for _, g := range l.index.groups {
		for _, o := range g.options {
			k := key{g.name, o.name}
			if found, _ := l.find(k); len(found) > 0 {
				do(k, found[len(found)-1].at)
			}
		}
	}
}

func (l *loader) set(k key, at Origin, text string) {
	v := l.index.options[k].value
	if why := unwritable(text, v.lines); why != "" {
		l.fail(at, k.String(), why)
		return
	}
	if !v.set(text) {
		l.fail(at, k.String(), quoteUnlessSecret(v, text)+" is not "+v.kind)
		return
	}
	l.config.origins[k] = at
}

func quoteUnlessSecret(v value, text string) string {
	if v.secret != nil {
		return "the value"
	}
	text = Redact(text) // a URI may have come to a wrong place
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}
