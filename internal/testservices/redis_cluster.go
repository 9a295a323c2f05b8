//go:build unix

package testservices

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	slots     = 1 << 14
	primaries = 3
)

// A Cluster is three primaries with a replica each. A node that is silent for two seconds is replaced.
type Cluster struct {
	Nodes []*Redis // the first three were made primaries, node i+3 the replica of node i
	t     testing.TB
}

// StartCluster starts the nodes, makes a cluster of them, and waits until it would stand a failover.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for range 2 * primaries {
		one := newRedis(t)
		one.args = append(one.args, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "2000")
		one.args = append(one.args, args...)
		one.Start()
		c.Nodes = append(c.Nodes, one)
	}
	c.join()
	for _, one := range c.Nodes {
		if err := until(60*time.Second, one.inCluster); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *Cluster) join() {
	c.t.Helper()
	for i, one := range c.Nodes {
		one.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i < primaries {
			command := []string{"CLUSTER", "ADDSLOTS"}
			for slot := i * slots / primaries; slot < (i+1)*slots/primaries; slot++ {
				command = append(command, strconv.Itoa(slot))
			}
			one.Do(command...)
		}
		c.Nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(one.port))
	}
	for i, one := range c.Nodes[primaries:] {
		primary := c.Nodes[i].Do("CLUSTER", "MYID").(string)
		err := until(30*time.Second, func() error {
			_, err := one.ask("CLUSTER", "REPLICATE", primary)
			return err
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// inCluster is an error for a node that does not know all others, or has no copy yet.
func (s *Redis) inCluster() error {
	info, err := s.ask("CLUSTER", "INFO")
	if err != nil {
		return err
	}
	if err := want("cluster_state", field(info.(string), "cluster_state"), "ok"); err != nil {
		return err
	}
	nodes, err := s.ask("CLUSTER", "NODES")
	if err != nil {
		return err
	}
	if n := strings.Count(nodes.(string), "slave"); n != primaries {
		return fmt.Errorf("%s knows %d replicas", s.Address, n)
	}
	return s.attached()
}

// Addresses are those of all nodes, for a URI.
func (c *Cluster) Addresses() string {
	var all []string
	for _, one := range c.Nodes {
		all = append(all, one.Address)
	}
	return strings.Join(all, ",")
}

// Holder is the primary of a slot, as the nodes that live see it.
func (c *Cluster) Holder(slot int) *Redis {
	c.t.Helper()
	for _, one := range c.Nodes {
		if one.process.ended() {
			continue
		}
		if holder := c.holderBy(one, slot); holder != nil {
			return holder
		}
	}
	c.t.Fatalf("no node holds slot %d", slot)
	return nil
}

func (c *Cluster) holderBy(one *Redis, slot int) *Redis {
	reply, err := one.ask("CLUSTER", "SLOTS")
	if err != nil {
		return nil
	}
	for _, r := range reply.([]any) {
		of := r.([]any)
		if int64(slot) < of[0].(int64) || int64(slot) > of[1].(int64) {
			continue
		}
		for _, node := range c.Nodes {
			if int64(node.port) == of[2].([]any)[1].(int64) && !node.process.ended() {
				return node
			}
		}
	}
	return nil
}

// Slot is the slot of a key.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	return int(c.Nodes[0].Do("CLUSTER", "KEYSLOT", key).(int64))
}

// Failover kills the primary of a slot and waits until its replica has taken over and all nodes know. The dead one stays so
// until it is started.
func (c *Cluster) Failover(slot int) (dead, primary *Redis) {
	c.t.Helper()
	dead = c.Holder(slot)
	dead.Kill()
	return dead, c.awaitHolder(slot, dead)
}

// LonelyFailover is a [Cluster.Failover] of a primary that does something while it is cut off from its replica, which has
// nothing of that. It must not take a second.
func (c *Cluster) LonelyFailover(slot int, do func(primary *Redis)) (dead, primary *Redis) {
	c.t.Helper()
	dead = c.Holder(slot)
	replica := c.ReplicaOf(dead)
	replica.Pause() // or it would connect again at once
	dead.Do("CLIENT", "KILL", "TYPE", "replica")
	do(dead)
	dead.Kill()
	replica.Resume()
	return dead, c.awaitHolder(slot, dead)
}

// ReplicaOf is the replica of a primary.
func (c *Cluster) ReplicaOf(primary *Redis) *Redis {
	c.t.Helper()
	for _, one := range c.Nodes {
		if one.process.ended() {
			continue
		}
		if role := one.Do("ROLE").([]any); role[0] == "slave" && role[2] == int64(primary.port) {
			return one
		}
	}
	c.t.Fatalf("%s has no replica", primary.Address)
	return nil
}

// awaitHolder waits until all nodes but a dead one know that another holds its slot.
func (c *Cluster) awaitHolder(slot int, dead *Redis) (primary *Redis) {
	c.t.Helper()
	err := until(60*time.Second, func() error {
		for _, one := range c.Nodes {
			if one == dead {
				continue
			}
			holder := c.holderBy(one, slot)
			if holder == nil || primary != nil && holder != primary {
				return fmt.Errorf("%s does not know of another primary", one.Address)
			}
			primary = holder
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return primary
}

// BeginMigration makes a slot move to another primary: from now on keys may be moved.
func (c *Cluster) BeginMigration(slot int) (from, to *Redis) {
	c.t.Helper()
	from = c.Holder(slot)
	for _, one := range c.Nodes[:primaries] {
		if one != from {
			to = one
			break
		}
	}
	to.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "IMPORTING", from.Do("CLUSTER", "MYID").(string))
	from.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "MIGRATING", to.Do("CLUSTER", "MYID").(string))
	return from, to
}

// MoveKeys moves up to n keys of a slot that migrates, and reports how many those were.
func (c *Cluster) MoveKeys(slot, n int, from, to *Redis) int {
	c.t.Helper()
	keys := from.Do("CLUSTER", "GETKEYSINSLOT", strconv.Itoa(slot), strconv.Itoa(n)).([]any)
	for _, key := range keys {
		from.Do("MIGRATE", "127.0.0.1", strconv.Itoa(to.port), key.(string), "0", "5000")
	}
	return len(keys)
}

// EndMigration gives the slot to its new primary.
func (c *Cluster) EndMigration(slot int, from, to *Redis) {
	c.t.Helper()
	id := to.Do("CLUSTER", "MYID").(string)
	for _, one := range []*Redis{to, from} {
		one.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "NODE", id)
	}
}
