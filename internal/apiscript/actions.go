package apiscript

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *run) with(_ step, args []string) error {
	name, found := strings.CutSuffix(args[0], ":")
	if !found {
		return errors.New("a header is NAME: VALUE")
	}
	r.extra = append(r.extra, Field{name, args[1]})
	return nil
}

func (r *run) without(_ step, names []string) error {
	r.drop = append(r.drop, names...)
	return nil
}

func (r *run) statusOnly(step, []string) error {
	r.lenient = true
	return nil
}

func (r *run) client(_ step, args []string) error {
	value, _ := r.script.header.Get("Client-ID")
	if len(args) == 1 {
		value = clientID(args[0])
	}
	r.header = r.header.Without("Client-ID")
	if len(args) == 0 || args[0] != "none" {
		r.header = append(r.header, Field{"Client-ID", value})
	}
	return nil
}

func (r *run) project(_ step, args []string) error {
	value := args[0]
	if value == "" {
		value, _ = r.script.header.Get("X-Project-ID")
	}
	r.header = r.header.Without("X-Project-ID")
	if value != "none" {
		r.header = append(r.header, Field{"X-Project-ID", value})
	}
	return nil
}

func (r *run) request(s step, args []string) error {
	target, err := expand(args[1], r.vars)
	if err != nil {
		return err
	}
	q := Request{Method: args[0], Target: target}
	body, found, err := r.bodyOf(args[2])
	if err != nil {
		return err
	}
	q.Body, q.HasBody = []byte(body), found
	return r.send(s, q)
}

// bodyOf reads what stands behind a request's target: nothing, a quoted word, @file or the body itself.
func (r *run) bodyOf(text string) (body string, found bool, err error) {
	switch {
	case text == "":
		return "", false, nil
	case text[0] == '\'':
		word, rest, _, err := cutWord(text)
		if err != nil || rest != "" {
			return "", false, fmt.Errorf("a quoted body ends the line: %w", errors.Join(err, errQuote))
		}
		text = word
	case text[0] == '@':
		file, found := r.script.files[text[1:]]
		if !found {
			return "", false, fmt.Errorf("the script has no file %s", text[1:])
		}
		text = file
	}
	body, err = expandBody(text, r.vars)
	return body, true, err
}

// post sends messages in the envelope of the version.
func (r *run) post(s step, args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil || count < 1 {
		return fmt.Errorf("%q is no number of messages", args[0])
	}
	var messages []string
	for i := range count {
		body := args[2]
		if body == "" {
			body = fmt.Sprintf(`{"n": %d}`, i+1)
		}
		messages = append(messages, `{"ttl": 300, "body": `+body+`}`)
	}
	envelope := "[" + strings.Join(messages, ", ") + "]"
	if r.target.Version != "v1" {
		envelope = `{"messages": ` + envelope + `}`
	}
	if err := r.send(s, Request{Method: "POST", Target: args[1], Body: []byte(envelope), HasBody: true}); err != nil {
		return err
	}
	r.seen = true
	return r.status(s, []string{"201"})
}

// send completes a request with the headers that are due, and holds the answer against the house rules.
func (r *run) send(s step, q Request) error {
	if err := r.unseen(); err != nil {
		return err
	}
	q.Header = r.header
	for _, name := range r.drop {
		q.Header = q.Header.Without(name)
	}
	for _, f := range r.extra {
		q.Header = q.Header.Without(f.Name)
	}
	q.Header = slices.Concat(q.Header, r.extra)
	lenient := r.lenient
	r.extra, r.drop, r.lenient = nil, nil, false

	r.last, r.lastStep, r.seen, r.shown = &Exchange{Request: q}, s, false, false
	answer, err := r.wire.do(r.ctx, q)
	r.last.Answer = answer
	if err != nil || answer == nil || lenient || r.target.Check == nil {
		return err
	}
	if err := r.target.Check(*r.last); err != nil {
		return r.fail(s, fmt.Errorf("no answer of the API looks like this: %w", err))
	}
	return nil
}

func (r *run) save(_ step, args []string) error {
	name, kind, source := args[0], args[1], args[2]
	value, err := r.saved(kind, source)
	if err != nil {
		return err
	}
	pattern, cut := strings.CutPrefix(args[3], "~ ")
	switch {
	case cut:
		value, err = cutOut(value, pattern)
	case args[3] != "":
		err = errors.New("behind what is to be saved there may be: ~ REGEXP")
	}
	r.vars[name] = value
	return err
}

func (r *run) saved(kind, source string) (string, error) {
	if r.last == nil || r.last.Answer == nil {
		return "", errors.New("there is no answer to save from")
	}
	switch kind {
	case "header":
		value, found := r.last.Answer.Header.Get(source)
		if !found {
			return "", fmt.Errorf("the answer has no header %s", source)
		}
		return value, nil
	case "json":
		values, err := r.lookup(source)
		if err != nil {
			return "", err
		}
		if len(values) != 1 {
			return "", fmt.Errorf("there are %d values at %s", len(values), source)
		}
		return plain(values[0]), nil
	}
	return "", fmt.Errorf("what can be saved is header NAME or json PATH, not %q", kind)
}

// cutOut is the first group of what matches, or all that matches if the expression has no group.
func cutOut(value, pattern string) (string, error) {
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	m := expr.FindStringSubmatch(value)
	if m == nil {
		return "", fmt.Errorf("%q does not match %s", value, pattern)
	}
	return m[min(1, len(m)-1)], nil
}

func (r *run) set(_ step, args []string) error {
	r.vars[args[0]] = args[1]
	return nil
}

func (r *run) loopFor(s step, args []string) error {
	in := slices.Index(args, "in")
	names, values := args[:in], args[in+1:]
	if len(values)%len(names) != 0 {
		return fmt.Errorf("%d values do not go round %d names", len(values), len(names))
	}
	for row := range slices.Chunk(values, len(names)) {
		for i, name := range names {
			r.vars[name] = row[i]
		}
		if err := r.all(s, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) loopEach(s step, args []string) error {
	if r.last == nil {
		return errors.New("nothing was sent yet")
	}
	values, err := r.lookup(args[1])
	if err != nil {
		return err
	}
	for _, v := range values {
		r.vars[args[0]] = plain(v)
		if err := r.all(s, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) loopRepeat(s step, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return fmt.Errorf("%q is no number of times", args[0])
	}
	for i := range n {
		r.vars["i"] = strconv.Itoa(i + 1)
		if err := r.all(s, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) advance(_ step, args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	r.target.Advance(d)
	return nil
}

func (r *run) store(_ step, words []string) error {
	return r.target.Store(words)
}

// row does nothing: see [Coverage].
func (r *run) row(step, []string) error { return nil }

// lookup finds values in the last answer's body.
func (r *run) lookup(path string) ([]any, error) {
	if r.last.Answer == nil {
		return nil, errClosed
	}
	doc, err := parseJSON(r.last.Answer.Body)
	if err != nil {
		return nil, err
	}
	values, err := lookup(doc, path)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, show(doc))
	}
	return values, nil
}
