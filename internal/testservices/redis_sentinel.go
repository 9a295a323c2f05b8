//go:build unix

package testservices

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// MasterName is the name under which the sentinels know the primary.
const MasterName = "marconi"

// A Sentinel is a primary with two replicas, and three sentinels that watch them. A primary that is silent for a while is
// replaced.
type Sentinel struct {
	Servers   []*Redis // the first was made the primary
	Sentinels []*Redis
	t         testing.TB

	data    string   // the ID of the primary's data, when all had settled
	unasked []string // what nobody asked for
}

// SentinelOptions are what protects it.
type SentinelOptions struct {
	Password         string   // of the servers' default user
	SentinelPassword string   // of the sentinels' default user
	Args             []string // of the servers
}

// StartSentinel starts them, and waits until a failover would work.
func StartSentinel(t testing.TB, o SentinelOptions) *Sentinel {
	t.Helper()
	s := &Sentinel{t: t}
	for i := range 3 {
		s.Servers = append(s.Servers, s.newServer(i, o))
	}
	for range 3 {
		s.Sentinels = append(s.Sentinels, s.newSentinel(o))
	}
	s.Settle()
	return s
}

// downAfter is how long a primary is silent until a sentinel takes it for dead. It connects to one that was promoted within a second,
// not at once, and goes on for five with what the others thought of the one before: after a second of silence it would
// sometimes have that one replaced, too, though it lives.
const downAfter = 3 * time.Second

func (s *Sentinel) newServer(i int, o SentinelOptions) *Redis {
	s.t.Helper()
	one := newRedis(s.t)
	if i > 0 {
		primary := s.Servers[0]
		one.args = append(one.args, "--replicaof", "127.0.0.1", fmt.Sprint(primary.port))
	}
	if o.Password != "" {
		one.args = append(one.args, "--requirepass", o.Password, "--masterauth", o.Password)
		one.admin = []string{"AUTH", o.Password}
	}
	one.args = append(one.args, o.Args...)
	one.Start()
	return one
}

// newSentinel starts a sentinel. It writes what it learns into its configuration file.
func (s *Sentinel) newSentinel(o SentinelOptions) *Redis {
	s.t.Helper()
	one := newRedis(s.t)
	lines := []string{
		"bind 127.0.0.1",
		fmt.Sprintf("port %d", one.port),
		"dir " + one.dir,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2", MasterName, s.Servers[0].port),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", MasterName, downAfter.Milliseconds()),
		"sentinel failover-timeout " + MasterName + " 2000",
		"sentinel parallel-syncs " + MasterName + " 2",
	}
	if o.Password != "" {
		lines = append(lines, "sentinel auth-pass "+MasterName+" "+o.Password)
	}
	if o.SentinelPassword != "" {
		lines = append(lines, "requirepass "+o.SentinelPassword)
		one.admin = []string{"AUTH", o.SentinelPassword}
	}
	file := filepath.Join(one.dir, "sentinel.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	one.args = []string{file, "--sentinel"}
	one.launch(one.args)
	return one
}

// attached is an error for a replica that has no copy yet.
func (s *Redis) attached() error {
	reply, err := s.ask("INFO", "replication")
	if err != nil {
		return err
	}
	text := reply.(string)
	if field(text, "role") == "master" {
		return nil
	}
	return want("the link of "+s.Address, field(text, "master_link_status"), "up")
}

// Addresses are those of the sentinels, for a URI.
func (s *Sentinel) Addresses() string {
	var all []string
	for _, one := range s.Sentinels {
		all = append(all, one.Address)
	}
	return strings.Join(all, ",")
}

// Primary is the server that the sentinels name.
func (s *Sentinel) Primary() *Redis {
	s.t.Helper()
	for _, one := range s.Sentinels {
		reply, err := one.ask("SENTINEL", "get-master-addr-by-name", MasterName)
		if err != nil || reply == nil {
			continue
		}
		pair := reply.([]any)
		for _, server := range s.Servers {
			if server.Address == fmt.Sprintf("%s:%s", pair[0], pair[1]) {
				return server
			}
		}
	}
	s.t.Fatal("no sentinel names a primary")
	return nil
}

// Failover kills the primary, when all has settled, and waits until another takes writes. The dead one stays so:
// [Sentinel.Revive].
func (s *Sentinel) Failover() (dead, primary *Redis) {
	s.t.Helper()
	return s.failover(0)
}

// LonelyFailover is a [Sentinel.Failover] of a primary that has been cut off from its replicas for so long: they have nothing of
// what it did meanwhile, whereas of one that dies at once they have nearly all.
func (s *Sentinel) LonelyFailover(alone time.Duration) (dead, primary *Redis) {
	s.t.Helper()
	return s.failover(alone)
}

func (s *Sentinel) failover(alone time.Duration) (dead, primary *Redis) {
	s.t.Helper()
	dead = s.Settle()
	if alone > 0 {
		s.others(dead, (*Redis).Pause) // or they would connect again at once
		dead.Do("CLIENT", "KILL", "TYPE", "replica")
		time.Sleep(alone)
	}
	began := time.Now()
	dead.Kill()
	s.others(dead, (*Redis).Resume)
	primary = s.AwaitPrimary(dead)
	s.inherited(primary, time.Since(began))
	return dead, primary
}

func (s *Sentinel) others(one *Redis, do func(*Redis)) {
	for _, other := range s.Servers {
		if other != one {
			do(other)
		}
	}
}

// AwaitPrimary waits until another than old is primary and takes writes.
func (s *Sentinel) AwaitPrimary(old *Redis) (primary *Redis) {
	s.t.Helper()
	err := until(60*time.Second, func() error {
		if primary = s.Primary(); primary == old {
			return fmt.Errorf("%s is still named as the primary", old.Address)
		}
		_, err := primary.ask("SET", "failover", "done")
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return primary
}

// Revive starts a server that was killed, as a replica, and waits until all has settled again.
func (s *Sentinel) Revive(dead *Redis) {
	s.t.Helper()
	primary := s.Primary()
	args := dead.args
	dead.args = slices.Concat(args, []string{"--replicaof", "127.0.0.1", fmt.Sprint(primary.port)})
	dead.Start()
	dead.args = args
	s.Settle()
}
