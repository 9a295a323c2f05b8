package redis

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/marconi-mq/marconi/storage"
)

// A server that does not listen yet, or still reads its data, is one to be tried again; one that wants a password is not.
func TestNotYet(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		again  bool
	}{
		"reads its data":   {"-LOADING Redis is loading the dataset in memory\r\n", true},
		"wants a password": {"-NOAUTH Authentication required.\r\n", false},
	} {
		_, err := Open(t.Context(), "redis://"+answering(t, tt.answer), storage.Options{})
		if errors.Is(err, storage.ErrNotYet) != tt.again || err == nil {
			t.Errorf("a server that %s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), "redis://127.0.0.1:1", storage.Options{}); !errors.Is(err, storage.ErrNotYet) {
		t.Errorf("nobody listens: %v", err)
	}
}

// answering listens, and gives each command the same answer.
func answering(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if strings.HasPrefix(line, "*") {
						_, _ = io.WriteString(conn, answer)
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}
