//go:build unix

package testservices

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// busOffset is from a node's port to the one at which the nodes of its cluster talk.
const busOffset = 10000

// freePort finds a port that nobody listens at, nor at the one of its bus. It is below those that the system gives out by
// itself, so that no outgoing connection takes it before the server does.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := findPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// given are the ports that this process has found: until somebody listens there they look free.
var given sync.Map

func findPort() (int, error) {
	for range 1000 {
		port := 10000 + rand.IntN(12000)
		if !free(port) || !free(port+busOffset) {
			continue
		}
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

func free(port int) bool {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// listens is an error unless somebody takes connections at the address.
func listens(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}
