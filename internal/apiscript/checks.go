package apiscript

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *run) status(s step, wanted []string) error {
	got := "closed"
	if r.last.Answer != nil {
		got = strconv.Itoa(r.last.Answer.Status)
	}
	if slices.Contains(wanted, got) {
		return nil
	}
	err := fmt.Errorf("the status is %s, want %s", got, strings.Join(wanted, " or "))
	if s.check {
		return err
	}
	return r.fail(s, err)
}

func (r *run) headerIs(_ step, args []string) error {
	name, wanted := args[0], args[1]
	if r.last.Answer == nil {
		return errClosed
	}
	got := r.last.Answer.Header.named(name)
	if len(got) != 1 {
		return fmt.Errorf("there are %d header lines of the name %s", len(got), name)
	}
	return textIs("the header", got[0].Value, wanted)
}

// spelled is for clients that compare names of headers as if their case mattered.
func (r *run) spelled(_ step, names []string) error {
	if r.last.Answer == nil {
		return errClosed
	}
	for _, name := range names {
		got := r.last.Answer.Header.named(name)
		if len(got) != 1 || got[0].Name != name {
			return fmt.Errorf("header lines of the name %s: %v, want one of just this spelling", name, got)
		}
	}
	return nil
}

// textIs compares with a text, or with an expression behind "~ ".
func textIs(what, got, wanted string) error {
	pattern, isPattern := strings.CutPrefix(wanted, "~ ")
	if !isPattern {
		if got != wanted {
			return fmt.Errorf("%s is %s, want %s", what, clip([]byte(got)), clip([]byte(wanted)))
		}
		return nil
	}
	matches, err := regexp.MatchString(pattern, got)
	if err == nil && !matches {
		err = fmt.Errorf("%s is %s, which does not match %s", what, clip([]byte(got)), pattern)
	}
	return err
}

func (r *run) noHeader(_ step, names []string) error {
	if r.last.Answer == nil {
		return errClosed
	}
	for _, name := range names {
		if value, found := r.last.Answer.Header.Get(name); found {
			return fmt.Errorf("there is a header %s: %s", name, value)
		}
	}
	return nil
}

func (r *run) body(_ step, args []string) error {
	if r.last.Answer == nil {
		return errClosed
	}
	return textIs("the body", string(r.last.Answer.Body), args[0])
}

// bodyHas looks for a text as it stands, for what must come back byte for byte.
func (r *run) bodyHas(_ step, args []string) error {
	if r.last.Answer == nil {
		return errClosed
	}
	if !strings.Contains(string(r.last.Answer.Body), args[0]) {
		return fmt.Errorf("the body does not hold %s", clip([]byte(args[0])))
	}
	return nil
}

func (r *run) json(_ step, args []string) error {
	wanted, err := r.wantedJSON(args[1])
	if err != nil {
		return err
	}
	return r.forAll(args[0], func(v any) error {
		if !reflect.DeepEqual(v, wanted) {
			return fmt.Errorf("%s is %s, want %s", args[0], show(v), show(wanted))
		}
		return nil
	})
}

// wantedJSON reads what a script compares with: JSON, or a file of it.
func (r *run) wantedJSON(text string) (any, error) {
	if name, found := strings.CutPrefix(text, "@"); found {
		if text, found = r.script.files[name]; !found {
			return nil, fmt.Errorf("the script has no file %s", name)
		}
	}
	return parseJSON([]byte(text))
}

// forAll holds every value at a path against a check.
func (r *run) forAll(path string, check func(any) error) error {
	values, err := r.lookup(path)
	if err != nil {
		return err
	}
	for _, v := range values {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) jsonList(_ step, args []string) error {
	wanted, err := r.wantedJSON(args[1])
	if err != nil {
		return err
	}
	values, err := r.lookup(args[0])
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(any(values), wanted) {
		return fmt.Errorf("%s are %s, want %s", args[0], show(values), show(wanted))
	}
	return nil
}

func (r *run) jsonLike(_ step, args []string) error {
	return r.forAll(args[0], func(v any) error { return textIs(args[0], plain(v), "~ "+args[1]) })
}

func (r *run) jsonLen(_ step, args []string) error {
	wanted, err := parseSpan(args[1])
	if err != nil {
		return err
	}
	return r.forAll(args[0], func(v any) error {
		n := -1
		switch v := v.(type) {
		case []any:
			n = len(v)
		case map[string]any:
			n = len(v)
		}
		if n < 0 || !wanted.has(int64(n)) {
			return fmt.Errorf("%s has %d elements, want %s", args[0], n, args[1])
		}
		return nil
	})
}

func (r *run) jsonRange(_ step, args []string) error {
	wanted, err := parseSpan(args[1])
	if err != nil {
		return err
	}
	return r.forAll(args[0], func(v any) error {
		number, _ := v.(json.Number)
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || !wanted.has(n) {
			return fmt.Errorf("%s is %s, want an integer of %s", args[0], showJSON(v), args[1])
		}
		return nil
	})
}

func (r *run) jsonAgo(_ step, args []string) error {
	wanted, err := parseSpan(args[1])
	if err != nil {
		return err
	}
	return r.forAll(args[0], func(v any) error {
		at, err := time.Parse("2006-01-02T15:04:05Z", plain(v))
		if err != nil {
			return err
		}
		now := r.target.Now().Truncate(time.Second)
		if ago := int64(now.Sub(at) / time.Second); !wanted.has(ago) {
			return fmt.Errorf("%s is %v, %d s ago, want %s", args[0], at, ago, args[1])
		}
		return nil
	})
}

func (r *run) jsonKeys(_ step, args []string) error {
	return r.forAll(args[0], func(v any) error {
		object, isObject := v.(map[string]any)
		if !isObject {
			return fmt.Errorf("%s is no object", args[0])
		}
		return keysAre(object, args[1:])
	})
}

// keysAre compares the keys of an object; those with a question mark may be lacking.
func keysAre(object map[string]any, wanted []string) error {
	extra := maps.Clone(object)
	var missing []string
	for _, w := range wanted {
		key, optional := strings.CutSuffix(w, "?")
		if _, found := object[key]; !found && !optional {
			missing = append(missing, key)
		}
		delete(extra, key)
	}
	if len(missing) > 0 || len(extra) > 0 {
		return fmt.Errorf("the keys are %v: %v are missing, %v too many", sortedKeys(object), missing, sortedKeys(extra))
	}
	return nil
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func (r *run) jsonType(_ step, args []string) error {
	return r.forAll(args[0], func(v any) error {
		if !isType(v, args[1]) {
			return fmt.Errorf("%s is of type %s, want %s", args[0], typeOf(v), args[1])
		}
		return nil
	})
}

func (r *run) jsonAbsent(_ step, args []string) error {
	values, err := r.lookup(args[0])
	switch {
	case errors.Is(err, errAbsent):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s is there: %s", args[0], show(values[0]))
}
