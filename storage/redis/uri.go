package redis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A topology is how the servers behind a URI stand to each other.
type topology int

const (
	standalone topology = iota
	sentinel            // the addresses are those of sentinels, which know the primary
	cluster
)

// A durability is what a write waits for before it is confirmed.
type durability int

const (
	inMemory   durability = iota // that the primary has it
	onDisk                       // that the primary's append-only file is synced
	onReplicas                   // that the replicas have it
)

// settings are what a URI says, and a test.
type settings struct {
	scheme    string // redis or rediss, for messages
	topology  topology
	socket    string   // the path of a Unix socket; then there are no addresses
	addresses []string // host:port
	username  string
	password  string
	database  int
	prefix    string // of all keys and channels
	tls       tlsFiles

	master           string // the name under which the sentinels know the primary
	sentinelUsername string
	sentinelPassword string

	durability   durability
	wait         time.Duration // for the durability
	waitReplicas int           // at least so many, and all that are connected
	waiters      int           // connections to a server that wait for durability, at most

	connections    int           // to a server, shared by all calls; a power of two, 0: as the processors are
	connectTimeout time.Duration // for a connection, its log-in included
	socketTimeout  time.Duration // silence of a server that owes an answer, until a connection is given up; a second at least
	reconnects     int           // tries after one that could not connect
	reconnectSleep time.Duration // before the first of them, doubling

	via func(address string) (string, error) // nil, or where a test wants connections to address to be made instead
}

// tlsFiles are what rediss: is told about certificates. Files are read when the store is opened.
type tlsFiles struct {
	on         bool
	ca         string
	cert, key  string
	serverName string
	insecure   bool
}

func defaultSettings() settings {
	return settings{
		scheme: "redis", prefix: "mq1",
		wait: 2 * time.Second, waitReplicas: 1, waiters: 128,
		connectTimeout: 2 * time.Second, socketTimeout: 3 * time.Second,
		reconnects: 3, reconnectSleep: 50 * time.Millisecond,
	}
}

// Errors never repeat what stands between the slashes and the question mark: a password that was not escaped would be
// taken for a host or a port.
var (
	errForm = errors.New("the URI has the form redis://[user:password@]host[:port][?option=value&…], with several hosts for " +
		"sentinels (master=NAME) or a cluster (cluster=true), or redis://[user:password@]/path/of/socket")
	errEscape = errors.New("the user or the password has a character in it that must be escaped: % is %25, / is %2F, ? is %3F, " +
		"# is %23, @ is %40, : in a user is %3A")
	errLoneUser = errors.New("there is a user without a password: write user:password@, or :password@ for a password alone")
)

// parseURI reads a URI. Its errors and [settings.redacted] are without secrets.
func parseURI(uri string) (settings, error) {
	s := defaultSettings()
	rest, err := s.takeScheme(uri)
	if err != nil {
		return settings{}, err
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path := rest, ""
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	user, hosts, hasUser := cutLast(authority, '@')
	if misplacedAt(hasUser, authority, path, query) {
		return settings{}, errEscape
	}
	if err := s.takeQuery(query); err != nil {
		return settings{}, err
	}
	if err := s.takePlace(hosts, path); err != nil {
		return settings{}, err
	}
	if err := s.takeUser(user, hasUser); err != nil {
		return settings{}, err
	}
	return s, s.check()
}

func (s *settings) takeScheme(uri string) (rest string, err error) {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found {
		return "", errForm
	}
	switch strings.ToLower(scheme) {
	case "redis", "valkey":
	case "rediss", "valkeys":
		s.scheme, s.tls.on = "rediss", true
	default:
		return "", errForm
	}
	return rest, nil
}

// misplacedAt tells whether the @ behind user and password comes too late, behind a slash or question mark that belongs to
// them.
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

// takePlace reads where the servers are: hosts, or a path if there are none.
func (s *settings) takePlace(hosts, path string) error {
	if hosts == "" {
		if path == "" || path == "/" {
			return errForm
		}
		socket, err := url.PathUnescape(path)
		if err != nil || strings.ContainsRune(socket, 0) {
			return errors.New("the path of the socket can't be read: a % in it is %25")
		}
		s.socket = socket
		return nil
	}
	if err := s.takeDatabase(path); err != nil {
		return err
	}
	port := "6379"
	if s.topology == sentinel {
		port = "26379"
	}
	for i, host := range strings.Split(hosts, ",") {
		address, err := hostPort(host, port)
		if err != nil {
			return fmt.Errorf("host %d: %w", i+1, err)
		}
		s.addresses = append(s.addresses, address)
	}
	return nil
}

// takeDatabase reads a number behind the hosts, as many clients of Redis write it. The option dbid says the same.
func (s *settings) takeDatabase(path string) error {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return nil
	}
	n, err := strconv.Atoi(path)
	if err != nil || n < 0 {
		return errors.New("behind the hosts there may be the number of a database, as in redis://host/2, and nothing else")
	}
	if s.database != 0 && s.database != n {
		return fmt.Errorf("dbid=%d and the path name two databases", s.database)
	}
	s.database = n
	return nil
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
		return "", errors.New("an IPv6 address stands in brackets, as in [::1]:6379")
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

// takeUser reads what stands before the @. A lone word there is a password for sockets and sentinels, as in files of old;
// elsewhere it would as likely be a user whose password was forgotten.
func (s *settings) takeUser(text string, has bool) (err error) {
	if !has {
		return nil
	}
	user, password, both := strings.Cut(text, ":")
	if !both {
		if s.socket == "" && s.topology != sentinel {
			return errLoneUser
		}
		user, password = "", text
	}
	if s.username, err = url.PathUnescape(user); err != nil {
		return errEscape
	}
	if s.password, err = url.PathUnescape(password); err != nil {
		return errEscape
	}
	return nil
}

// check refuses what does not go together.
func (s *settings) check() error {
	several := len(s.addresses) > 1
	switch {
	case several && s.topology == standalone:
		return errors.New("several hosts are sentinels, with master=NAME, or a cluster, with cluster=true")
	case s.socket != "" && s.topology != standalone:
		return errors.New("sentinels and clusters are not reached by a socket")
	case s.socket != "" && s.tls.on:
		return errors.New("there is no TLS over a socket: write redis: for it")
	case s.database != 0 && s.topology == cluster:
		return fmt.Errorf("a cluster has one database, 0, not %d", s.database)
	case s.topology != sentinel && (s.sentinelUsername != "" || s.sentinelPassword != ""):
		return errors.New("sentinel_username and sentinel_password need master")
	case s.sentinelUsername != "" && s.sentinelPassword == "":
		return errors.New("sentinel_username needs sentinel_password")
	case !s.tls.on && s.tls != (tlsFiles{}):
		return errors.New("options that begin with ssl_ need rediss: in place of redis")
	case (s.tls.cert == "") != (s.tls.key == ""):
		return errors.New("ssl_certfile and ssl_keyfile need each other")
	case s.tls.insecure && s.tls.ca != "":
		return errors.New("ssl_insecure=true checks nothing, so ssl_ca_certs would be for nothing")
	}
	return nil
}

// redacted is where the servers are, without secrets.
func (s settings) redacted() string {
	switch {
	case s.socket != "":
		return s.scheme + "://" + s.socket
	case s.topology == sentinel:
		return s.scheme + "://" + strings.Join(s.addresses, ",") + "?master=" + url.QueryEscape(s.master)
	case s.topology == cluster:
		return s.scheme + "://" + strings.Join(s.addresses, ",") + "?cluster=true"
	}
	return s.scheme + "://" + strings.Join(s.addresses, ",")
}
