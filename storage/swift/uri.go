package swift

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// noIndex is what the option index says of a store that is Swift alone.
const noIndex = "none"

// settings are what a URI says.
type settings struct {
	auth          objects.Version
	authURL       string // of the identity service, or where version 1 gives tokens
	user, key     string
	project       string
	credential    credential
	projectDomain domain
	userDomain    domain
	region        string
	endpoint      string // public, internal or admin
	tls           tlsFiles

	index      string // the URI of a store, noIndex, or "": nothing was said
	prefix     string // of the names of all containers
	containers int    // that segments are spread over
	inline     int    // bodies of fewer bytes are kept in the index
	cache      int    // bytes of segments

	horizon time.Duration // how late a listing may be
	settle  time.Duration // between winning a lease and looking at it again
	shards  int           // containers of a queue

	connections int           // at once, at most
	timeout     time.Duration // for a request, its answer included
}

// A credential stands for a user's key and a project. The zero value is none.
type credential struct{ id, name, secret string }

// A domain of Keystone; the ID counts if there is one.
type domain struct{ id, name string }

// tlsFiles are what is told about certificates. Files are read when the store is opened.
type tlsFiles struct {
	on        bool // only of a URI with a host: an auth_url says so itself
	ca        string
	cert, key string
	insecure  bool
}

// keystoneURL is where files of OpenStack expect the identity service.
const keystoneURL = "http://127.0.0.1:5000/v3/"

func defaultSettings() settings {
	return settings{
		projectDomain: domain{name: "Default"}, userDomain: domain{name: "Default"}, endpoint: "public",
		prefix: "marconi", containers: 64, inline: 1024, cache: 64 << 20,
		horizon: 5 * time.Second, shards: 1,
		connections: 64, timeout: 10 * time.Second,
	}
}

// Errors never repeat what stands between the slashes and the question mark, nor a value that may hold a secret: a key that was
// not escaped would be taken for a host, a project or an option.
var (
	errForm = errors.New("the URI has the form swift://USER:KEY@HOST[:PORT]/PROJECT?auth=v1 (or v3), or, with an identity service " +
		"elsewhere, swift://USER:KEY@/PROJECT?auth_url=URL; more options follow behind &")
	errEscape = errors.New("the user, the key or the project has a character in it that must be escaped: % is %25, / is %2F, ? is %3F, " +
		"# is %23, @ is %40, : in a user is %3A")
	errLoneUser = errors.New("there is a user without a key: write USER:KEY@")
)

// parseURI reads a URI. Its errors and [settings.redacted] are without secrets.
func parseURI(uri string) (settings, error) {
	s := defaultSettings()
	scheme, rest, found := strings.Cut(uri, "://")
	if !found || !strings.EqualFold(scheme, "swift") {
		return settings{}, errForm
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	user, host, hasUser := cutLast(authority, '@')
	if misplacedAt(hasUser, authority, path, query) {
		return settings{}, errEscape
	}
	given, err := s.takeQuery(query)
	if err != nil {
		return settings{}, err
	}
	if err := s.takeProject(path); err != nil {
		return settings{}, err
	}
	if err := s.takeUser(user, hasUser); err != nil {
		return settings{}, err
	}
	if err := s.takeHost(host); err != nil {
		return settings{}, err
	}
	return s, s.check(given)
}

// misplacedAt tells whether the @ behind user and key comes too late, behind a slash or question mark that belongs to them.
func misplacedAt(hasUser bool, authority, path, query string) bool {
	if hasUser || authority == "" {
		return false
	}
	name, _, _ := strings.Cut(query, "=")
	return strings.Contains(path, "@") || strings.Contains(name, "@")
}

// cutLast cuts s at the last sep, and gives all of it as after if there is none.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return "", s, false
}

func (s *settings) takeProject(path string) (err error) {
	if strings.Contains(path, "/") {
		return errEscape
	}
	if s.project, err = url.PathUnescape(path); err != nil {
		return errEscape
	}
	return nil
}

func (s *settings) takeUser(text string, has bool) (err error) {
	if !has {
		return nil
	}
	user, key, both := strings.Cut(text, ":")
	lone := user != "" && !both && s.credential.name != ""
	if !lone && (user == "" || key == "") {
		return errLoneUser
	}
	if s.user, err = url.PathUnescape(user); err != nil {
		return errEscape
	}
	if s.key, err = url.PathUnescape(key); err != nil {
		return errEscape
	}
	return nil
}

// takeHost makes the URL of the identity service from a host, unless an option says where it is: then the host counts for nothing, as in
// OpenStack, whose files may have one.
func (s *settings) takeHost(host string) error {
	if host == "" || s.authURL != "" {
		if s.tls.on {
			return errors.New("tls=true is about the host of the URI; with auth_url write https: there")
		}
		if s.authURL == "" {
			s.authURL = keystoneURL
		}
		if s.auth == "" {
			s.auth = versionAt(s.authURL)
		}
		return nil
	}
	port, path := "5000", "/v3/"
	if s.auth == objects.V1 {
		port, path = "8080", "/auth/v1.0"
	}
	address, err := hostPort(host, port)
	if err != nil {
		return fmt.Errorf("the host: %w", err)
	}
	s.auth = cmp.Or(s.auth, objects.V3)
	u := url.URL{Scheme: "http", Host: address, Path: path}
	if s.tls.on {
		u.Scheme = "https"
	}
	s.authURL = u.String()
	return nil
}

// versionAt is the version that a URL is about, which says so in its path if it isn't the newest.
func versionAt(authURL string) objects.Version {
	if u, err := url.Parse(authURL); err == nil && strings.Contains(u.Path, "/v1") {
		return objects.V1
	}
	return objects.V3
}

func hostPort(text, port string) (string, error) {
	host := text
	switch {
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 || net.ParseIP(text[1:end]) == nil {
			return "", errors.New("what stands in brackets is no IPv6 address")
		}
		host = text[1:end]
		if after := text[end+1:]; after != "" {
			if after[0] != ':' {
				return "", errors.New("only a port may follow the brackets")
			}
			port = after[1:]
		}
	case strings.Count(text, ":") > 1:
		return "", errors.New("an IPv6 address stands in brackets, as in [::1]:8080")
	case strings.Contains(text, ":"):
		host, port, _ = strings.Cut(text, ":")
	}
	if host == "" {
		return "", errors.New("it has no name")
	}
	if strings.ContainsFunc(host, notInHost) {
		return "", errors.New("it has a character in it that no name of a host has")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("its port is no number from 1 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

func notInHost(r rune) bool {
	return !isPlain(r) && !strings.ContainsRune("-._:", r)
}

// check refuses what does not go together. given are the names of the options that the URI has.
func (s *settings) check(given []string) error {
	if err := s.checkLogin(); err != nil {
		return err
	}
	if (s.tls.cert == "") != (s.tls.key == "") {
		return errors.New("ssl_certfile and ssl_keyfile need each other")
	}
	if s.tls.insecure && s.tls.ca != "" {
		return errors.New("insecure=true checks nothing, so ssl_ca_certs would be for nothing")
	}
	for _, name := range given {
		switch of := optionNamed(name).of; {
		case of == withIndex && s.index == noIndex:
			return fmt.Errorf("option %s is about what stands beside an index, and index=none says that there is none", name)
		case of == withoutIndex && s.index != noIndex:
			return fmt.Errorf("option %s is for Swift without an index: say index=none as well", name)
		}
	}
	return nil
}

// checkLogin wants one way to log in, and all that it needs.
func (s *settings) checkLogin() error {
	c, usual := s.credential, defaultSettings()
	switch {
	case s.auth == objects.V1 && (c != credential{} || s.projectDomain != usual.projectDomain || s.userDomain != usual.userDomain):
		return errors.New("auth=v1 knows no domains and no application credentials: those are for auth=v3")
	case s.auth == objects.V1 && s.user == "":
		return errForm
	case s.auth == objects.V1:
		return nil
	case c == credential{}:
		if s.user == "" || s.project == "" {
			return errForm
		}
		return nil
	case c.secret == "" || (c.id == "") == (c.name == ""):
		return errors.New("an application credential is application_credential_secret with application_credential_id, or with " +
			"application_credential_name and its user in the URI: swift://USER@HOST")
	case s.project != "":
		return errors.New("an application credential has its project with it: leave that out of the URI")
	case s.key != "" || (s.user == "") == (c.name != ""):
		return errors.New("an application credential stands for the user's key: with application_credential_name write USER@ alone, " +
			"with application_credential_id no user at all")
	}
	return nil
}

// redacted is where the account is, without secrets.
func (s settings) redacted() string {
	u, err := url.Parse(s.authURL)
	if err != nil {
		return "swift:"
	}
	return "Swift by " + u.Scheme + "://" + u.Host
}
