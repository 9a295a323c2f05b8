//go:build unix

package testservices

import (
	"strings"
	"syscall"
	"testing"
)

func TestRedisComesAndGoes(t *testing.T) {
	var pid int
	t.Run("lives", func(t *testing.T) {
		s := StartRedis(t)
		pid = s.process.pid
		if got := s.Do("SET", "a", "b"); got != "OK" {
			t.Errorf("SET = %v", got)
		}
		s.Kill()
		if _, err := s.ask("PING"); err == nil {
			t.Error("a server that was killed answers")
		}
		s.Start()
		if got := s.Do("GET", "a"); got != nil {
			t.Errorf("GET after a restart without persistence = %v, want nil", got)
		}
		pid = s.process.pid
	})
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("process %d lives on after its test", pid)
	}
}

func TestRedisWithTLS(t *testing.T) {
	s := StartRedisTLS(t, MakeCertificates(t))
	if got := s.Do("PING"); got != "PONG" {
		t.Errorf("PING = %v", got)
	}
	if _, err := ask("tcp", s.Address, nil, []string{"PING"}); err == nil {
		t.Error("it answers without TLS")
	}
}

func TestSentinelFailsOver(t *testing.T) {
	s := StartSentinel(t, SentinelOptions{Password: "one", SentinelPassword: "two"})
	dead, primary := s.Failover()
	if dead == primary {
		t.Fatal("the dead one is primary")
	}
	s.Revive(dead)
	if role := dead.Info("role"); role != "slave" {
		t.Errorf("the revived server is %s", role)
	}
}

func TestClusterFailsOverAndMigrates(t *testing.T) {
	c := StartCluster(t)
	slot := c.Slot("{tag}a")
	c.Holder(slot).Do("SET", "{tag}a", "1")
	from, to := c.BeginMigration(slot)
	if n := c.MoveKeys(slot, 10, from, to); n != 1 {
		t.Errorf("moved %d keys, want 1", n)
	}
	c.EndMigration(slot, from, to)
	if got := to.Do("GET", "{tag}a"); got != "1" {
		t.Errorf("GET on the new primary = %v", got)
	}
	dead, primary := c.Failover(c.Slot("other"))
	if _, err := primary.ask("SET", "other", "1"); err != nil {
		t.Errorf("the new primary does not take writes: %v", err)
	}
	dead.Start()
	if got := dead.Do("PING"); got != "PONG" {
		t.Errorf("PING = %v", got)
	}
}

func TestRepliesThatAreErrors(t *testing.T) {
	s := StartRedis(t)
	if _, err := s.ask("NOSUCH"); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("err = %v, want an unknown command", err)
	}
}
