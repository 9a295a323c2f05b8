//go:build unix

package testservices

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Settle waits until Redis promises that a failover keeps what both replicas have: they have whole copies of one primary, which
// all sentinels name and take for alive, the failover before is over for each of them, and none has begun. It gives that primary.
func (s *Sentinel) Settle() (primary *Redis) {
	s.t.Helper()
	err := until(2*time.Minute, func() error {
		began := time.Now()
		primary = s.Primary()
		if err := s.settledOn(primary); err != nil {
			return err
		}
		if took := time.Since(began); took > downAfter/3 {
			return fmt.Errorf("to look took %v, in which much may have changed", took)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.still(primary)
	return primary
}

// Unasked waits until all has settled, and tells what the sentinels did by themselves since the last call, "" if nothing. Sentinels on
// a slow machine take one that lives for dead. Until it is told, it goes on with the replica that is left, and both give up
// then what they had, whatever was promised for one that dies.
func (s *Sentinel) Unasked() string {
	s.t.Helper()
	s.Settle()
	said := strings.Join(s.unasked, "; ")
	s.unasked = nil
	return said
}

// still notes whether the primary's data is that which it was when all had settled before. Whoever is promoted gives it another ID.
func (s *Sentinel) still(primary *Redis) {
	s.t.Helper()
	data := primary.Info("master_replid")
	if s.data != "" && s.data != data {
		s.unasked = append(s.unasked, "they replaced a living primary by "+primary.Address)
	}
	s.data = data
}

// inherited notes whether the primary took over from the one that was killed so long ago, and from none between, nor before.
func (s *Sentinel) inherited(primary *Redis, killed time.Duration) {
	s.t.Helper()
	const betweenPings = time.Second
	if killed < downAfter-betweenPings {
		s.unasked = append(s.unasked, fmt.Sprintf("they had another primary %v after a death that they notice in no less than %v", killed, downAfter-betweenPings))
	}
	if before := primary.Info("master_replid2"); before != s.data {
		s.unasked = append(s.unasked, primary.Address+" took over from another than the dead one")
	}
	s.data = primary.Info("master_replid")
}

func (s *Sentinel) settledOn(primary *Redis) error {
	reply, err := primary.ask("INFO", "replication")
	if err != nil {
		return err
	}
	text := reply.(string)
	if err := want("role of "+primary.Address, field(text, "role"), "master"); err != nil {
		return err
	}
	if n := strings.Count(text, "state=online"); n != len(s.Servers)-1 {
		return fmt.Errorf("%s has %d replicas online", primary.Address, n)
	}
	looks := make(chan error, len(s.Servers)+len(s.Sentinels)) // all at once, so that it is one moment that is looked at
	for _, one := range s.Servers {
		go func() { looks <- one.copies(primary, field(text, "master_replid")) }()
	}
	for _, one := range s.Sentinels {
		go func() { looks <- one.content(primary) }()
	}
	for range cap(looks) {
		err = errors.Join(err, <-looks)
	}
	return err
}

// copies is an error for a server other than the primary that has no whole copy of its data, of which this is the ID.
func (s *Redis) copies(primary *Redis, data string) error {
	if s == primary {
		return nil
	}
	reply, err := s.ask("INFO", "replication")
	if err != nil {
		return err
	}
	text := reply.(string)
	of := " of " + s.Address
	return errors.Join(
		want("master_port"+of, field(text, "master_port"), fmt.Sprint(primary.port)),
		want("master_link_status"+of, field(text, "master_link_status"), "up"),
		want("master_replid"+of, field(text, "master_replid"), data),
	)
}

// content is an error for a sentinel that does not name primary, or has anything to say against one of those that it knows: in
// their flags are doubts, its own and those of the other sentinels, and steps of a failover.
func (s *Redis) content(primary *Redis) error {
	masters, err := s.known("masters")
	if err != nil {
		return err
	}
	replicas, err := s.known("replicas", MasterName)
	if err != nil {
		return err
	}
	sentinels, err := s.known("sentinels", MasterName)
	if err != nil {
		return err
	}
	if len(masters) != 1 || len(replicas) != 2 || len(sentinels) != 2 {
		return fmt.Errorf("it knows %d primaries, %d replicas and %d other sentinels", len(masters), len(replicas), len(sentinels))
	}
	port := fmt.Sprint(primary.port)
	err = errors.Join(want("port of the primary", masters[0]["port"], port), want("flags", masters[0]["flags"], "master"),
		want("role-reported", masters[0]["role-reported"], "master"))
	for _, r := range replicas {
		err = errors.Join(err, want("flags", r["flags"], "slave"), want("role-reported", r["role-reported"], "slave"),
			want("master-port", r["master-port"], port), want("master-link-status", r["master-link-status"], "ok"))
	}
	for _, other := range sentinels {
		err = errors.Join(err, want("flags", other["flags"], "sentinel"))
	}
	if err != nil {
		return fmt.Errorf("sentinel %s: %w", s.Address, err)
	}
	return nil
}

// known asks a sentinel for what it knows of others.
func (s *Redis) known(what ...string) (all []map[string]string, err error) {
	reply, err := s.ask(append([]string{"SENTINEL"}, what...)...)
	if err != nil {
		return nil, err
	}
	for _, one := range reply.([]any) {
		list := one.([]any)
		known := map[string]string{}
		for i := 0; i+1 < len(list); i += 2 {
			known[fmt.Sprint(list[i])] = fmt.Sprint(list[i+1])
		}
		all = append(all, known)
	}
	return all, nil
}
