package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/marconi-mq/marconi"
)

// unwritable says why no file can hold the text, or "". Whatever source a value comes from, it is one that a file could
// hold as well, so that a printed configuration can be loaded again.
func unwritable(text string, lines bool) string {
	if !utf8.ValidString(text) {
		return "the value is not UTF-8 text"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return "the value has a control character in it"
	}
	further := strings.Split(text, "\n")[1:]
	if len(further) > 0 && !lines {
		return "the value goes over several lines, but has to be on one"
	}
	if slices.ContainsFunc(further, func(line string) bool { return line == "" || trim(line) != line }) {
		return "the value has a line that is empty, or that begins or ends with a blank"
	}
	return ""
}

// check looks at options that have to fit each other.
func (l *loader) check() {
	l.checkTLS()
	l.checkClientIDs()
	l.checkDefaults()
	l.checkStores()
	l.checkStars()
}

func (l *loader) checkTLS() {
	cert, certKey := key{"marconi", "tls_cert"}, key{"marconi", "tls_key"}
	switch m := l.config.Marconi; {
	case m.TLSCert != "" && m.TLSKey == "":
		l.fail(l.config.origins[cert], cert.String(), "a certificate needs its key: set "+certKey.String())
	case m.TLSCert == "" && m.TLSKey != "":
		l.fail(l.config.origins[certKey], certKey.String(), "a key needs its certificate: set "+cert.String())
	}
}

func (l *loader) checkClientIDs() {
	t := l.config.Transport
	if t.MinLengthClientID <= t.MaxLengthClientID {
		return
	}
	k := key{"transport", "min_length_client_id"}
	if l.config.origins[k] == (Origin{}) {
		k.name = "max_length_client_id"
	}
	l.fail(l.config.origins[k], k.String(), fmt.Sprintf("client IDs would have at least %d and at most %d characters",
		t.MinLengthClientID, t.MaxLengthClientID))
}

// checkDefaults warns of defaults above their maximum. Existing files have them, since nobody who names a TTL noticed.
func (l *loader) checkDefaults() {
	for _, p := range l.config.Transport.bounded() {
		k := key{"transport", "default_" + p.name}
		if at, set := l.config.origins[k]; set && *p.def > p.max {
			l.warn("above "+k.String(), at, fmt.Sprintf("%v is above max_%s, so that is the default: %d", k, p.name, p.max))
		}
	}
}

// checkStores warns of drivers that are named, but not asked.
func (l *loader) checkStores() {
	if l.config.Marconi.Store == "" {
		return
	}
	for _, name := range []string{"message_store", "management_store"} {
		k := key{"drivers", name}
		if at, set := l.config.origins[k]; set {
			l.warn("beaten "+k.String(), at, fmt.Sprintf("%v does not count, since [marconi] store is set (%v)", k, l.config.Origin("marconi", "store")))
		}
	}
}

// checkStars warns of secrets that were taken from a printed configuration.
func (l *loader) checkStars() {
	l.eachGiven(func(k key, at Origin) {
		if v := l.index.options[k].value; v.secret != nil && strings.Contains(v.text(), stars) {
			l.warn("stars "+k.String(), at, fmt.Sprintf("%v has %s where a printed configuration hides a secret", k, stars))
		}
	})
}

// A bound is a default of the API and the maximum that it has to keep.
type bound struct {
	name string // without default_ and max_
	def  *marconi.Seconds
	max  marconi.Seconds
}

func (t *Transport) bounded() []bound {
	return []bound{
		{"message_ttl", &t.DefaultMessageTTL, t.MaxMessageTTL},
		{"message_delay", &t.DefaultMessageDelay, t.MaxMessageDelay},
		{"claim_ttl", &t.DefaultClaimTTL, t.MaxClaimTTL},
		{"claim_grace", &t.DefaultClaimGrace, t.MaxClaimGrace},
	}
}
