//go:build unix

package redis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

const secret = "p%40ss/word-Hunter2" // in URIs: escapedSecret

const escapedSecret = "p%2540ss%2Fword-Hunter2"

// works looks whether scripts run over a URI.
func works(t *testing.T, uri string) wired {
	t.Helper()
	w := dialURI(t, uri)
	if err := w.load(t.Context(), increment()); err != nil {
		t.Error(err)
	}
	if _, err := w.count(within(t, 5*time.Second), "{works}"); err != nil {
		t.Error(err)
	}
	if strings.Contains(w.journal.String(), secret) {
		t.Errorf("the log tells the password: %s", w.journal)
	}
	return w
}

func TestOpenAlone(t *testing.T) {
	server := testservices.StartRedis(t, "--databases", "8", "--maxmemory-policy", "noeviction")
	t.Run("host and port", func(t *testing.T) {
		if w := works(t, "redis://"+server.Address); w.journal.String() != "" {
			t.Errorf("logged: %s", w.journal)
		}
	})
	t.Run("database", func(t *testing.T) {
		works(t, "redis://"+server.Address+"/5?connections=1")
		if got := server.Info("db5"); got == "" {
			t.Error("nothing is in database 5")
		}
	})
	t.Run("socket", func(t *testing.T) { works(t, "redis://"+server.Socket+"?dbid=2") })

	server.Do("ACL", "SETUSER", "worker", "on", ">"+secret, "~*", "+@all")
	t.Run("user", func(t *testing.T) { works(t, "redis://worker:"+escapedSecret+"@"+server.Address) })
	server.Do("CONFIG", "SET", "requirepass", secret)
	server.WithAdmin("default", secret)
	t.Run("password alone", func(t *testing.T) { works(t, "redis://:"+escapedSecret+"@"+server.Address) })
	t.Run("socket and password alone", func(t *testing.T) { works(t, "redis://"+escapedSecret+"@"+server.Socket) })
	t.Run("socket and user", func(t *testing.T) { works(t, "redis://worker:"+escapedSecret+"@"+server.Socket) })
}

func TestOpenWithTLS(t *testing.T) {
	c := testservices.MakeCertificates(t)
	server := testservices.StartRedisTLS(t, c)
	pair := "&ssl_certfile=" + c.ClientCert + "&ssl_keyfile=" + c.ClientKey
	works(t, "rediss://"+server.Address+"?ssl_ca_certs="+c.CA+pair)
	works(t, "rediss://"+server.Address+"?ssl_server_name=localhost&ssl_ca_certs="+c.CA+pair)
	works(t, "rediss://"+server.Address+"?ssl_insecure=true"+pair)

	other := testservices.MakeCertificates(t)
	noCA := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(noCA, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, "rediss://"+server.Address+"?connect_timeout=1"+pair, "ssl_ca_certs")
	refuses(t, "rediss://"+server.Address+"?ssl_ca_certs="+other.CA+pair, "ssl_ca_certs")
	refuses(t, "rediss://"+server.Address+"?ssl_ca_certs="+c.CA, "ssl_certfile")
	refuses(t, "rediss://"+server.Address+"?ssl_server_name=elsewhere&ssl_ca_certs="+c.CA+pair, "ssl_server_name")
	refuses(t, "rediss://"+server.Address+"?ssl_ca_certs=/no/such/file", "no such file")
	refuses(t, "rediss://"+server.Address+"?ssl_ca_certs="+noCA, "no certificate in it")
	refuses(t, "redis://u:"+escapedSecret+"@"+server.Address, "does it want TLS")
}

// refuses looks whether opening a URI fails, says why, and does not tell the password.
func refuses(t *testing.T, uri, says string) {
	t.Helper()
	began := time.Now()
	w, err := tryDial(t, uri)
	switch {
	case err == nil:
		w.close()
		t.Errorf("%s opens", uri)
	case !strings.Contains(err.Error(), says):
		t.Errorf("opening %s: %v\nwant something about %q", uri, err, says)
	case strings.Contains(err.Error()+w.journal.String(), secret), strings.Contains(err.Error(), escapedSecret):
		t.Errorf("the password is told: %v", err)
	case time.Since(began) > 10*time.Second:
		t.Errorf("opening %s failed after %v", uri, time.Since(began))
	}
}

// Files of certificates that are not there are no sockets.
func TestHintsFitTheURI(t *testing.T) {
	_, err := Open(t.Context(), "rediss://127.0.0.1:1?ssl_ca_certs=/no/such/file", storage.Options{})
	if err == nil || !strings.Contains(err.Error(), "ssl_ca_certs") || strings.Contains(err.Error(), "socket") {
		t.Errorf("without the file of ssl_ca_certs: %v", err)
	}
}

func TestOpenSaysWhatToCheck(t *testing.T) {
	t.Parallel()
	server := testservices.StartRedis(t)
	at := server.Address
	user := "u:" + escapedSecret + "@"
	refuses(t, "redis://"+user+at, "check the user and the password")
	refuses(t, "redis://"+at+"?dbid=99", "dbid is higher")
	refuses(t, "redis://"+at+"?cluster=true", "leave out cluster=true")
	refuses(t, "redis://"+at+"?master=m", "is that a sentinel")
	refuses(t, "rediss://"+user+at, "write redis: instead of rediss:")
	refuses(t, "redis://"+user+"127.0.0.1:1", "does the server run there")
	refuses(t, "redis://"+user+"no-such-host.invalid", "is the name of the host right")
	refuses(t, "redis://"+user+"/no/such/socket", "the path of unixsocket")
	refuses(t, "redis://"+at+"?durability=aof", "durability=aof needs")

	server.Do("CONFIG", "SET", "requirepass", secret)
	server.WithAdmin("default", secret)
	refuses(t, "redis://"+at, "it wants a password")
	refuses(t, "redis://:wrong@"+at, "check the user and the password")

	replica := testservices.StartRedis(t, replicaOf(server, "--masterauth", secret)...)
	refuses(t, "redis://"+replica.Address, "is a replica of 127.0.0.1")

	server.Pause()
	refuses(t, "redis://"+user+at+"?connect_timeout=0.5", "it was silent")
	server.Resume()
}

func TestEvictionIsWarnedOf(t *testing.T) {
	server := testservices.StartRedis(t, "--maxmemory-policy", "volatile-lru")
	w := dialURI(t, "redis://"+server.Address)
	if got := w.journal.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "volatile-lru") {
		t.Errorf("logged: %q, want an error about the policy", got)
	}
}

func TestUsersWithTooFewRights(t *testing.T) {
	server := testservices.StartRedis(t)
	server.Do("ACL", "SETUSER", "poor", "on", ">"+secret, "~*", "+@all", "-info")
	refuses(t, "redis://poor:"+escapedSecret+"@"+server.Address, "rules (ACL)")
}

func TestServersThatAreTooOld(t *testing.T) {
	for version, want := range map[string]bool{"5.0.14": false, "6.0.16": true, "7.2.4": true, "10.1.0": true, "": false, "x.y": false} {
		if got := atLeast(version, 6, 0); got != want {
			t.Errorf("atLeast(%q, 6, 0) = %v, want %v", version, got, want)
		}
	}
	old := server{address: "h:1", info: map[string]string{"redis_version": "5.0.14", "role": "master"}}
	if err := old.check(defaultSettings()); err == nil || !strings.Contains(err.Error(), "at least 6.0") {
		t.Errorf("check of Redis 5: %v", err)
	}
}
