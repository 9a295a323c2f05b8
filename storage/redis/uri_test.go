package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// with is the settings of a URI that says no more than these.
func with(change func(s *settings)) settings {
	s := defaultSettings()
	change(&s)
	return s
}

func TestParseURI(t *testing.T) {
	at := func(addresses ...string) func(*settings) { return func(s *settings) { s.addresses = addresses } }
	tests := []struct {
		uri  string
		want settings
	}{
		{"redis://127.0.0.1", with(at("127.0.0.1:6379"))},
		{"REDIS://Host-1.example", with(at("Host-1.example:6379"))},
		{"valkey://h:7000/", with(at("h:7000"))},
		{"redis://[::1]", with(at("[::1]:6379"))},
		{"redis://[fe80::1]:6380", with(at("[fe80::1]:6380"))},
		{"redis://user:p%40ss%2F%3A%23@h", with(func(s *settings) {
			s.addresses, s.username, s.password = []string{"h:6379"}, "user", "p@ss/:#"
		})},
		{"redis://:secret@h", with(func(s *settings) { s.addresses, s.password = []string{"h:6379"}, "secret" })},
		{"redis://u:with@and#and+@h", with(func(s *settings) {
			s.addresses, s.username, s.password = []string{"h:6379"}, "u", "with@and#and+"
		})},
		{"redis://nopass:@h", with(func(s *settings) { s.addresses, s.username = []string{"h:6379"}, "nopass" })},
		{"redis://h/3", with(func(s *settings) { s.addresses, s.database = []string{"h:6379"}, 3 })},
		{"redis://h/3?dbid=3", with(func(s *settings) { s.addresses, s.database = []string{"h:6379"}, 3 })},
		{"redis://h?dbid=2&socket_timeout=0.1&connect_timeout=7&max_reconnect_attempts=10&reconnect_sleep=1.0", with(func(s *settings) {
			s.addresses, s.database, s.socketTimeout, s.connectTimeout = []string{"h:6379"}, 2, 100*time.Millisecond, 7*time.Second
			s.reconnects, s.reconnectSleep = 10, time.Second
		})},
		{"redis://h?max_reconnect_attempts=1000000&reconnect_sleep=86400", with(func(s *settings) {
			s.addresses, s.reconnects, s.reconnectSleep = []string{"h:6379"}, 1_000_000, 24*time.Hour
		})},
		{"redis://h?max_reconnect_attempts=0&reconnect_sleep=0", with(func(s *settings) {
			s.addresses, s.reconnects, s.reconnectSleep = []string{"h:6379"}, 0, firstPause
		})},
		{"redis://h?max_reconnect_attempts=3&reconnect_sleep=0.05", with(at("h:6379"))}, // what the configuration has as its defaults
		{"redis:///run/redis.sock", with(func(s *settings) { s.socket = "/run/redis.sock" })},
		{"redis://u:p@/run/a%20b@c.sock?dbid=1", with(func(s *settings) {
			s.socket, s.username, s.password, s.database = "/run/a b@c.sock", "u", "p", 1
		})},
		{"redis://secret@/run/redis.sock", with(func(s *settings) { s.socket, s.password = "/run/redis.sock", "secret" })},
		{"redis://s1,s2:26380,[::1]:26381?master=mymaster", with(func(s *settings) {
			s.topology, s.master = sentinel, "mymaster"
			s.addresses = []string{"s1:26379", "s2:26380", "[::1]:26381"}
		})},
		{"redis://secret@s1?master=m&sentinel_username=su&sentinel_password=s%26p", with(func(s *settings) {
			s.topology, s.master, s.addresses, s.password = sentinel, "m", []string{"s1:26379"}, "secret"
			s.sentinelUsername, s.sentinelPassword = "su", "s&p"
		})},
		{"redis://a:7000,b:7001?cluster=true", with(func(s *settings) {
			s.topology, s.addresses = cluster, []string{"a:7000", "b:7001"}
		})},
		{"redis://a?cluster=false&durability=replicas&wait_ms=250&wait_replicas=2&pool_size=9&connections=4&prefix=other", with(func(s *settings) {
			s.addresses, s.durability, s.wait, s.waitReplicas, s.waiters = []string{"a:6379"}, onReplicas, 250*time.Millisecond, 2, 9
			s.connections, s.prefix = 4, "other"
		})},
		{"rediss://h?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&ssl_server_name=n", with(func(s *settings) {
			s.scheme, s.addresses = "rediss", []string{"h:6379"}
			s.tls = tlsFiles{on: true, ca: "/ca.pem", cert: "/c.pem", key: "/k.pem", serverName: "n"}
		})},
		{"valkeys://h?ssl_insecure=true&durability=AOF", with(func(s *settings) {
			s.scheme, s.addresses, s.tls, s.durability = "rediss", []string{"h:6379"}, tlsFiles{on: true, insecure: true}, onDisk
		})},
	}
	for _, test := range tests {
		got, err := parseURI(test.uri)
		if err != nil {
			t.Errorf("parseURI(%q): %v", test.uri, err)
			continue
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(settings{}, tlsFiles{})); diff != "" {
			t.Errorf("parseURI(%q) (-want +got)\n%s", test.uri, diff)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	tests := []struct{ uri, says string }{
		{"", "the form redis://"},
		{"redis:h", "the form redis://"},
		{"http://h", "the form redis://"},
		{"redis://", "the form redis://"},
		{"redis:///", "the form redis://"},
		{"redis://u:secret@", "the form redis://"},
		{"redis://secret@h", "a user without a password"},
		{"redis://secret@a,b?cluster=true", "a user without a password"},
		{"redis://u:%secret@h", "must be escaped"},
		{"redis://u:sec/ret@h", "must be escaped"},
		{"redis://u:sec?ret@h", "must be escaped"},
		{"redis://u:sec?secret=secret@h", "unknown option"},
		{"redis://u:sec?dbid=secret@h", "option dbid: want a number"},
		{"redis://u:p@sec/ret@h", "behind the hosts"},
		{"redis://h:secret", "host 1: its port"},
		{"redis://h:0", "host 1: its port"},
		{"redis://h:65536", "host 1: its port"},
		{"redis://h,:7?cluster=true", "host 2: it has no name"},
		{"redis://h i", "host 1: it has a character"},
		{"redis://::1", "stands in brackets"},
		{"redis://[::1", "no IPv6 address"},
		{"redis://[::1]7", "only a port may follow"},
		{"redis://h/db", "behind the hosts"},
		{"redis://h/1?dbid=2", "two databases"},
		{"redis://a,b", "several hosts"},
		{"redis://a?master=", "option master: want the name"},
		{"redis://a?master=m&cluster=true", "master is for sentinels"},
		{"redis://a?cluster=yes", "option cluster: \"yes\": want one of true, false"},
		{"redis://a?cluster=true&dbid=1", "one database"},
		{"redis:///s?cluster=true", "not reached by a socket"},
		{"rediss:///s", "no TLS over a socket"},
		{"redis:///s%zz", "path of the socket"},
		{"redis://a?sentinel_password=secret", "need master"},
		{"redis://a?master=m&sentinel_username=u", "needs sentinel_password"},
		{"redis://a?ssl_ca_certs=/x", "need rediss:"},
		{"rediss://a?ssl_certfile=/x", "need each other"},
		{"rediss://a?ssl_insecure=true&ssl_ca_certs=/x", "for nothing"},
		{"redis://a?socket_timeout=0", "option socket_timeout: \"0\": want a number of seconds"},
		{"redis://a?socket_timeout=NaN", "want a number of seconds"},
		{"redis://a?reconnect_sleep=-1", "option reconnect_sleep: \"-1\": want a number of seconds from 0"},
		{"redis://a?reconnect_sleep=NaN", "want a number of seconds from 0"},
		{"redis://a?max_reconnect_attempts=-1", "option max_reconnect_attempts: \"-1\": want a number from 0"},
		{"redis://a?wait_ms=0", "option wait_ms: \"0\": want a number from 1"},
		{"redis://a?durability=disk", "want one of memory, aof, replicas"},
		{"redis://a?prefix={x}", "option prefix: want up to 64"},
		{"redis://a?connections=3", "want one of 1, 2, 4, 8"},
		{"redis://a?dbid=1&dbid=2", "option dbid is given 2 times"},
		{"redis://a?databse=1", `there is no option "databse"; there are cluster,`},
		{"redis://a?secret-Secret=1", "there is an unknown option"},
		{"redis://a?x=%zzsecret", "can't be read"},
	}
	for _, test := range tests {
		_, err := parseURI(test.uri)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("parseURI(%q): %v, want something about %q", test.uri, err, test.says)
		}
		if err != nil && strings.Contains(err.Error(), "secret") && !strings.Contains(test.says, "sentinel") {
			t.Errorf("parseURI(%q) tells the secret: %v", test.uri, err)
		}
	}
}

func TestRedactedNamesThePlaceAlone(t *testing.T) {
	for uri, want := range map[string]string{
		"redis://u:secret@h:1":                             "redis://h:1",
		"rediss://u:secret@h?ssl_insecure=true":            "rediss://h:6379",
		"redis://secret@/run/s":                            "redis:///run/s",
		"redis://secret@a,b?master=m&sentinel_password=pw": "redis://a:26379,b:26379?master=m",
		"redis://u:secret@a,b?cluster=true":                "redis://a:6379,b:6379?cluster=true",
	} {
		s, err := parseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.redacted(); got != want {
			t.Errorf("redacted(%q) = %q, want %q", uri, got, want)
		}
	}
}

// FuzzParseURI looks for URIs that tell their password, in an error or in their redacted form.
func FuzzParseURI(f *testing.F) {
	const secret = "Hunter2Hunter2"
	f.Add("redis://u:", "@h:1/2?dbid=2")
	f.Add("redis://", "@/run/s")
	f.Add("redis://u:a?b", "@h")
	f.Add("redis://u:a/", "c@h")
	f.Add("redis://h?sentinel_password=", "&master=m")
	f.Add("redis://u:x?dbid=", "@h?master=m")
	f.Fuzz(func(t *testing.T, before, after string) {
		s, err := parseURI(before + secret + after)
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("parseURI(%q) tells the password: %v", before+secret+after, err)
			}
			return
		}
		if s.password == "" && s.sentinelPassword == "" {
			return // it was no password, but a host, say
		}
		if strings.Contains(s.redacted(), secret) && !strings.Contains(before, secret) && strings.Contains(s.password+s.sentinelPassword, secret) {
			t.Errorf("%q is redacted as %s", before+secret+after, s.redacted())
		}
	})
}
