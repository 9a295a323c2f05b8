package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"
)

// hidden stands where a secret was.
const hidden = "hidden"

// The forms of secrets: what stands before the host of a URI, parameters of a URI, and values whose key says so.
var (
	inURI       = regexp.MustCompile(`(://)([^\s"']*)@`)
	inQuery     = regexp.MustCompile(`(?i)((?:password|passwd|secret|token)=)([^&\s"']+)`)
	secretKey   = regexp.MustCompile(`(?i)(password|passwd|secret|token|requirepass|masterauth|masteruser|api_?key)$`)
	secretPairs = regexp.MustCompile(`(?i)((?:password|passwd|secret|token|requirepass|masterauth|masteruser|api_?key)["']?\s*:\s*)("[^"]*"|'[^']*'|[^\s,}\]]+)`)
)

// redact gives the value of a key without its secrets, and these. It is the one place that knows what is secret.
func redact(key, value string) (shown string, secrets []string) {
	if IsSecret(key) {
		return hidden, []string{value}
	}
	for _, form := range []*regexp.Regexp{inURI, inQuery} {
		for _, found := range form.FindAllStringSubmatch(value, -1) {
			secrets = append(secrets, found[2])
		}
	}
	return redactText(value), secrets
}

// IsSecret reports whether the value of a key is one.
func IsSecret(key string) bool { return secretKey.MatchString(key) }

// redactText hides what looks like a secret in the text of a plan.
func redactText(text string) string {
	text = inURI.ReplaceAllString(text, "${1}"+hidden+"@")
	text = inQuery.ReplaceAllString(text, "${1}"+hidden)
	return secretPairs.ReplaceAllString(text, "${1}"+hidden)
}

// Redacted is the target as files and messages show it.
func (t Target) Redacted() Target {
	t.URL, _ = redact("url", t.URL)
	if t.Auth.Token != "" {
		t.Auth.Token, _ = redact("token", t.Auth.Token)
	}
	if t.Start != nil {
		start := *t.Start
		start.Config, start.Backed = redactAll(start.Config), redactAll(start.Backed)
		t.Start = &start
	}
	return t
}

func redactAll(settings map[string]string) map[string]string {
	settings = maps.Clone(settings)
	for k, v := range settings {
		settings[k], _ = redact(k, v)
	}
	return settings
}

// MarshalJSON is that of [Target.Redacted].
func (t Target) MarshalJSON() ([]byte, error) {
	type plain Target // without this method
	return json.Marshal(plain(t.Redacted()))
}

// String is the JSON of the target, without secrets.
func (t Target) String() string {
	text, err := json.Marshal(t)
	if err != nil {
		return t.Name
	}
	return string(text)
}

// String doesn't show the token.
func (a Auth) String() string {
	switch {
	case a.Token != "":
		return "a token"
	case a.TokenFile != "":
		return "a token in " + a.TokenFile
	}
	return "none"
}

// secret is a setter of what may hold secrets: they are kept out of the excerpts of errors and of the plan's source.
func (d *decoder) secret(key string, set setter) setter {
	return func(s string) error {
		d.conceal(key, s)
		return set(s)
	}
}

func (d *decoder) conceal(key, value string) {
	_, secrets := redact(key, value)
	d.secrets = append(d.secrets, secrets...)
}

// scrub takes the secrets out of text of the source.
func (d *decoder) scrub(text string) string {
	const short = 4 // letters; shorter ones stand everywhere, and their forms are known
	for _, s := range d.secrets {
		if len(s) >= short {
			text = strings.ReplaceAll(text, s, hidden)
		}
	}
	return redactText(text)
}

// publish keeps the source as it can be shown. A secret that stands there in other letters than it has, in the escapes or
// folded lines of YAML, couldn't be taken out: then all that is kept is what was read.
func (d *decoder) publish(p *Plan, source []byte) {
	for _, s := range d.secrets {
		if !strings.Contains(string(source), s) {
			p.source = p.Effective()
			return
		}
	}
	p.source = []byte(d.scrub(string(source)))
}

// serverURL is the address of a server: http or https, a host, and perhaps a path before that of the API.
func serverURL(p *string) setter {
	return func(s string) error {
		u, err := url.Parse(s)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
			return errors.New("the url of a target is like http://127.0.0.1:8888")
		}
		if u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(u.Path, "@\"' ") {
			return errors.New("the url of a target has no query, fragment, blank, quote or @ behind its host")
		}
		*p = strings.TrimSuffix(s, "/")
		return nil
	}
}

// bearer is a token: what a header can carry, so no message of what is wrong with it shows it.
func bearer(p *string) setter {
	return func(s string) error {
		const least = 4
		if len(s) < least || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"',\`, r) }) {
			return fmt.Errorf("a token has at least %d visible ASCII characters, and no quotes, commas or backslashes", least)
		}
		*p = s
		return nil
	}
}
