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

// A Sentinel is a primary with two replicas, and three sentinels that watch them. A primary that is silent for a second is
// replaced.
type Sentinel struct {
	Servers   []*Redis // the first was made the primary
	Sentinels []*Redis
	t         testing.TB
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
	for _, one := range s.Servers {
		if err := until(30*time.Second, one.attached); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range s.Sentinels {
		if err := until(30*time.Second, one.whole); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

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
		"sentinel down-after-milliseconds " + MasterName + " 1000",
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

// whole is an error for a sentinel that does not know all the others, and both replicas.
func (s *Redis) whole() error {
	reply, err := s.ask("SENTINEL", "master", MasterName)
	if err != nil {
		return err
	}
	list := reply.([]any)
	known := map[any]any{}
	for i := 0; i+1 < len(list); i += 2 {
		known[list[i]] = list[i+1]
	}
	if err := want("num-slaves", fmt.Sprint(known["num-slaves"]), "2"); err != nil {
		return err
	}
	return want("num-other-sentinels", fmt.Sprint(known["num-other-sentinels"]), "2")
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

// Failover kills the primary and waits until another takes writes. The dead one stays so: [Sentinel.Revive].
func (s *Sentinel) Failover() (dead, primary *Redis) {
	s.t.Helper()
	dead = s.Primary()
	dead.Kill()
	return dead, s.AwaitPrimary(dead)
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

// Revive starts a server that was killed, as a replica, and waits until all is whole again.
func (s *Sentinel) Revive(dead *Redis) {
	s.t.Helper()
	primary := s.Primary()
	args := dead.args
	dead.args = slices.Concat(args, []string{"--replicaof", "127.0.0.1", fmt.Sprint(primary.port)})
	dead.Start()
	dead.args = args
	for _, one := range s.Servers {
		if err := until(60*time.Second, one.attached); err != nil {
			s.t.Fatal(err)
		}
	}
}
