package config

import (
	"net/url"
	"regexp"
	"strings"
)

// stars stand where a secret is.
const stars = "***"

var (
	parameter       = regexp.MustCompile(`[^&;#]+`)
	secretParameter = regexp.MustCompile(`(?i)pass|pwd|secret|token|credential|signature|key$`)
)

// Redact hides what is secret in a URI: the password, or a user part that stands alone, since that is a password to
// some stores; and the values of parameters that look like secrets. A user's name in front of a password stays.
//
// It works on text, so that it also holds for what is no proper URI, and rather hides too much: a password that was not
// encoded may have slashes, question marks and @ in it.
func Redact(uri string) string {
	at := strings.LastIndex(uri, "@")
	if at < 0 {
		return redactQuery(uri)
	}
	scheme, user := "", uri[:at]
	if before, behind, found := strings.Cut(user, "://"); found && !strings.Contains(before, ":") { // else it is the password's
		scheme, user = before+"://", behind
	}
	if strings.Contains(user, "?") {
		// Either the password has a question mark or a parameter has an @: nobody can tell where it ends.
		return scheme + stars
	}
	name, _, found := strings.Cut(user, ":")
	if !found {
		return scheme + stars + "@" + redactQuery(uri[at+1:])
	}
	return scheme + name + ":" + stars + "@" + redactQuery(uri[at+1:])
}

// redactQuery hides the secret parameters of a URI, or of its end.
func redactQuery(text string) string {
	path, query, found := strings.Cut(text, "?")
	if !found {
		return text
	}
	return path + "?" + parameter.ReplaceAllStringFunc(query, redactParameter)
}

// redactParameter hides the value of a secret's parameter, and one that is itself a URI with a secret in it.
func redactParameter(part string) string {
	name, val, found := strings.Cut(part, "=")
	if !found || val == "" {
		return part
	}
	if plain := decoded(val); secretParameter.MatchString(decoded(name)) || plain != val && Redact(plain) != plain {
		return name + "=" + stars
	}
	return part
}

func decoded(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
