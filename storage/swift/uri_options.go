package swift

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/internal/spelling"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/pure"
)

// A design is which of the two ways to keep messages an option is for.
type design int

const (
	either design = iota
	withIndex
	withoutIndex
)

// An option is what may stand behind the question mark.
type option struct {
	name string
	of   design
	set  func(s *settings, text string) error
}

// uriOptions are all options, by name.
func uriOptions() []option {
	return []option{
		{"application_credential_id", either, func(s *settings, text string) error { return word(&s.credential.id, text) }},
		{"application_credential_name", either, func(s *settings, text string) error { return word(&s.credential.name, text) }},
		{"application_credential_secret", either, func(s *settings, text string) error { return word(&s.credential.secret, text) }},
		{"auth", either, func(s *settings, text string) error { return choose(&s.auth, text, authVersions) }},
		{"auth_url", either, setAuthURL},
		{"cache", withIndex, func(s *settings, text string) error { return number(&s.cache, text, 1<<20, 1<<40) }},
		{"connections", either, func(s *settings, text string) error { return number(&s.connections, text, 1, 1<<14) }},
		{"containers", withIndex, func(s *settings, text string) error { return number(&s.containers, text, 1, 4096) }},
		{"index", either, setIndex},
		{"inline_below", withIndex, func(s *settings, text string) error { return number(&s.inline, text, 0, 1<<30) }},
		{"insecure", either, func(s *settings, text string) error { return choose(&s.tls.insecure, text, trueOrFalse) }},
		{"interface", either, func(s *settings, text string) error { return choose(&s.endpoint, text, interfaces) }},
		{"lease_settle", withoutIndex, func(s *settings, text string) error { return milliseconds(&s.settle, text) }},
		{"listing_horizon", withoutIndex, func(s *settings, text string) error { return seconds(&s.horizon, text) }},
		{"prefix", either, setPrefix},
		{"project_domain_id", either, func(s *settings, text string) error { s.projectDomain.id = text; return nil }},
		{"project_domain_name", either, func(s *settings, text string) error { s.projectDomain.name = text; return nil }},
		{"region_name", either, func(s *settings, text string) error { s.region = text; return nil }},
		{"request_timeout", either, func(s *settings, text string) error { return seconds(&s.timeout, text) }},
		{"shards", withoutIndex, func(s *settings, text string) error { return number(&s.shards, text, 1, pure.MostShards) }},
		{"ssl_ca_certs", either, func(s *settings, text string) error { return word(&s.tls.ca, text) }},
		{"ssl_certfile", either, func(s *settings, text string) error { return word(&s.tls.cert, text) }},
		{"ssl_keyfile", either, func(s *settings, text string) error { return word(&s.tls.key, text) }},
		{"tls", either, func(s *settings, text string) error { return choose(&s.tls.on, text, trueOrFalse) }},
		{"user_domain_id", either, func(s *settings, text string) error { s.userDomain.id = text; return nil }},
		{"user_domain_name", either, func(s *settings, text string) error { s.userDomain.name = text; return nil }},
	}
}

// optionNamed finds one that is there.
func optionNamed(name string) option {
	all := uriOptions()
	return all[slices.IndexFunc(all, func(o option) bool { return o.name == name })]
}

// A choice is a word and what it means.
type choice[T any] struct {
	word string
	is   T
}

var (
	trueOrFalse  = []choice[bool]{{"true", true}, {"false", false}}
	authVersions = []choice[objects.Version]{{"v1", objects.V1}, {"v3", objects.V3}}
	interfaces   = []choice[string]{
		{"public", "public"}, {"internal", "internal"}, {"admin", "admin"},
		{"publicURL", "public"}, {"internalURL", "internal"}, {"adminURL", "admin"},
	}
)

func choose[T any](to *T, text string, among []choice[T]) error {
	words := make([]string, len(among))
	for i, c := range among {
		if words[i] = c.word; strings.EqualFold(c.word, text) {
			*to = c.is
			return nil
		}
	}
	return fmt.Errorf("%swant one of %s", shown(text), strings.Join(words, ", "))
}

// shown is a value for a message, unless it may hold a piece of a key that was not escaped.
func shown(text string) string {
	if len(text) > 10 || strings.Contains(text, "@") {
		return ""
	}
	return strconv.Quote(text) + ": "
}

func number(to *int, text string, least, most int) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%swant a number from %d to %d", shown(text), least, most)
	}
	*to = n
	return nil
}

func seconds(to *time.Duration, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n <= 3600) {
		return fmt.Errorf("%swant a number of seconds above 0, up to 3600, as in 0.5", shown(text))
	}
	*to = time.Duration(n * float64(time.Second))
	return nil
}

func milliseconds(to *time.Duration, text string) error {
	var ms int
	err := number(&ms, text, 0, 60_000)
	*to = time.Duration(ms) * time.Millisecond
	return err
}

func word(to *string, text string) error {
	if text == "" || strings.ContainsRune(text, 0) {
		return errors.New("it is empty")
	}
	*to = text
	return nil
}

// setAuthURL takes the URL of an identity service. A key has no place in it.
func setAuthURL(s *settings, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return errors.New("want the URL of the identity service, as in https://host:5000/v3/, without a user in it")
	}
	s.authURL = text
	return nil
}

var hasScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// setIndex takes the URI of a store that has order and leases. It is checked by its own driver.
func setIndex(s *settings, text string) error {
	switch {
	case text == noIndex:
	case !hasScheme.MatchString(text):
		return errors.New("want none, or the URI of another store, with & and # in it written %26 and %23")
	case strings.HasPrefix(strings.ToLower(text), "swift:"):
		return errors.New("the index of messages in Swift is in another store: it has the order that Swift does not keep")
	}
	s.index = text
	return nil
}

// isPlain reports whether r is a letter or a digit of ASCII.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// setPrefix takes what can begin the name of a container.
func setPrefix(s *settings, text string) error {
	odd := func(r rune) bool { return !isPlain(r) && !strings.ContainsRune("-._", r) }
	if text == "" || len(text) > 64 || strings.ContainsFunc(text, odd) {
		return errors.New("want up to 64 letters, digits, dots, dashes and underscores")
	}
	s.prefix = text
	return nil
}

// takeQuery reads what stands behind the question mark, and gives the names that it found.
func (s *settings) takeQuery(query string) (given []string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("what stands behind the question mark can't be read: a % is %25, a ; is %3B, a & in a value is %26")
	}
	options := uriOptions()
	for name := range values {
		if !slices.ContainsFunc(options, func(o option) bool { return o.name == name }) {
			return nil, unknownOption(name, strings.Contains(query, "@"), options)
		}
	}
	for _, o := range options {
		texts := values[o.name]
		if len(texts) > 1 {
			return nil, fmt.Errorf("option %s is given %d times", o.name, len(texts))
		}
		if len(texts) == 0 {
			continue
		}
		if err := o.set(s, texts[0]); err != nil {
			return nil, fmt.Errorf("option %s: %w", o.name, err)
		}
		given = append(given, o.name)
	}
	return given, nil
}

// unknownOption names an option only if it looks like one: it may be a piece of a key.
func unknownOption(name string, doubtful bool, options []option) error {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	known := "there are " + strings.Join(names, ", ")
	odd := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }
	if doubtful || name == "" || len(name) > 32 || strings.ContainsFunc(name, odd) {
		return errors.New("there is an unknown option behind the question mark; " + known)
	}
	if near := spelling.Nearest(name, names); near != "" {
		return fmt.Errorf("there is no option %q; did you mean %s? %s", name, near, known)
	}
	return fmt.Errorf("there is no option %q; %s", name, known)
}
