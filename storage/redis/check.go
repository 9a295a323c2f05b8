package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/rueidis"
)

var errNoCluster = errors.New("the server does not run as a cluster: leave out cluster=true")

// A server is what one says of itself when the store is opened.
type server struct {
	address string
	info    map[string]string
}

type servers []server

// look asks the primaries who they are.
func (c *client) look(ctx context.Context) (servers, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.connectTimeout+c.settings.socketTimeout)
	defer cancel()
	var found servers
	var failed error
	for address, node := range c.shared.Nodes() {
		text, err := node.Do(ctx, node.B().Info().Build()).ToString()
		if err != nil {
			failed = err
			continue
		}
		info := parseInfo(text)
		if info["role"] == "master" || c.settings.topology == standalone {
			found = append(found, server{address, info})
		}
	}
	if len(found) == 0 {
		if failed == nil {
			failed = errors.New("there is no primary among the servers")
		}
		return nil, failed
	}
	return found, nil
}

func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			info[name] = value
		}
	}
	return info
}

// check refuses servers that can't do what is asked, and warns of those that may lose what they were given.
func (all servers) check(s settings, log *slog.Logger) error {
	for _, one := range all {
		if err := one.check(s); err != nil {
			return err
		}
		one.warn(s, log)
	}
	return nil
}

func (v server) check(s settings) error {
	switch version := v.info["redis_version"]; {
	case !atLeast(version, 6, 0):
		return fmt.Errorf("%s is Redis %s: at least 6.0 is needed, or Valkey", v.address, version)
	case v.info["arch_bits"] == "32":
		return fmt.Errorf("%s is built for 32 bits: its scripts can't keep moments in milliseconds", v.address)
	case v.info["role"] != "master":
		return fmt.Errorf("%s is a replica of %s: name the primary, or the sentinels with master=NAME", v.address, v.info["master_host"])
	case s.topology != cluster && v.info["cluster_enabled"] == "1":
		return fmt.Errorf("%s is part of a cluster: say cluster=true", v.address)
	case s.durability == onDisk && !atLeast(version, 7, 2):
		return fmt.Errorf("%s is Redis %s: durability=aof needs 7.2 or Valkey; with appendfsync always it is not needed", v.address, version)
	case s.durability == onDisk && v.info["aof_enabled"] != "1":
		return fmt.Errorf("%s has no append-only file: durability=aof needs appendonly yes in its configuration", v.address)
	}
	return nil
}

func (v server) warn(s settings, log *slog.Logger) {
	if policy := v.info["maxmemory_policy"]; policy != "noeviction" {
		log.Error("Redis may throw away whole queues when its memory is full: set maxmemory-policy noeviction",
			"server", v.address, "maxmemory_policy", policy)
	}
	replicas, _ := strconv.Atoi(v.info["connected_slaves"])
	if s.durability == onReplicas && replicas < s.waitReplicas {
		log.Warn("Redis has fewer replicas than a write waits for: nothing can be posted until they are back",
			"server", v.address, "replicas", replicas, "wait_replicas", s.waitReplicas)
	}
}

func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}

// advise adds to an error what an operator should look at.
func advise(err error, s settings) error {
	if hint := hint(err, s); hint != "" {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

func hint(err error, s settings) string {
	var reply *rueidis.RedisError
	if errors.As(err, &reply) {
		return replyHint(reply.Error(), s)
	}
	text := err.Error()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "does the server run there, and is it bound to that address and port?"
	case errors.Is(err, os.ErrNotExist) && s.socket != "":
		return "is that the path of unixsocket in the server's configuration?"
	case errors.Is(err, os.ErrPermission) && s.socket != "":
		return "may this user open it? see unixsocketperm in the server's configuration"
	case strings.Contains(text, "no such host"):
		return "is the name of the host right?"
	case strings.Contains(text, "does not look like a TLS handshake"), silent(err) && strings.Contains(text, "TLS: "):
		return "the server has no TLS at that port, it seems: write redis: instead of rediss:, or another port"
	case strings.Contains(text, "signed by unknown authority"):
		return "name the certificate of the authority with ssl_ca_certs"
	case strings.Contains(text, "x509:"):
		return "is that the right host? ssl_server_name says what its certificate should be for"
	case strings.Contains(text, "the redis role is not master"):
		return "a failover is under way"
	case hungUp(err) && s.tls.on && s.tls.cert == "":
		return "does the server want a certificate of its clients? ssl_certfile and ssl_keyfile"
	case hungUp(err) && !s.tls.on:
		return "it hung up: does it want TLS (rediss:), or has it maxclients connections?"
	case silent(err):
		return "it was silent: is it there, and not stopped? connect_timeout is " + s.connectTimeout.String()
	}
	return ""
}

func silent(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// hungUp tells whether the server ended the connection: with TLS 1.3 that is how it refuses a client, whose end takes the
// handshake for done by then.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || strings.Contains(err.Error(), "certificate required")
}

func replyHint(text string, s settings) string {
	user := "the user and the password"
	if s.topology == sentinel {
		user += " of the servers, and sentinel_username and sentinel_password"
	}
	code, _, _ := strings.Cut(text, " ")
	switch {
	case code == "WRONGPASS":
		return "check " + user
	case code == "NOAUTH":
		return "it wants a password; check " + user
	case code == "NOPERM":
		return "the user's rules (ACL) lack a command, key or channel that is needed"
	case code == "DENIED":
		return "its protected mode lets in nobody but this machine: give it a password, or bind it"
	case strings.Contains(text, "No such master"):
		return "the sentinels know no master of that name: compare master with their line sentinel monitor"
	case strings.Contains(text, "cluster support disabled"):
		return "the server does not run as a cluster: leave out cluster=true"
	case strings.Contains(text, "unknown command") && s.topology == sentinel:
		return "is that a sentinel? their port is 26379 as a rule"
	case strings.Contains(text, "DB index is out of range"):
		return "dbid is higher than databases in the server's configuration"
	}
	return ""
}
