package config

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRedact(t *testing.T) {
	tests := []struct{ uri, want string }{
		{"", ""},
		{"memory:", "memory:"},
		{"sqlite:/var/lib/x.db?mode=rw", "sqlite:/var/lib/x.db?mode=rw"},
		{"sqlite:x.db?key=abc", "sqlite:x.db?key=***"},
		{"redis://host:6379?dbid=0", "redis://host:6379?dbid=0"},
		{"redis://u:p@host:6379?dbid=0", "redis://u:***@host:6379?dbid=0"},
		{"redis://:p@host", "redis://:***@host"},
		{"redis://lone@/path", "redis://***@/path"},
		{"redis://lone@s1,s2:26379?master=m", "redis://***@s1,s2:26379?master=m"},
		{"redis://s1,[::1]:26379?master=m&sentinel_username=u&sentinel_password=p", "redis://s1,[::1]:26379?master=m&sentinel_username=u&sentinel_password=***"},
		{"redis://h?PassWord=p;x=1#y", "redis://h?PassWord=***;x=1#y"},
		{"redis://h?pass%77ord=p", "redis://h?pass%77ord=***"},
		{"redis://h?password=", "redis://h?password="},
		{"redis://h?ssl_keyfile=/k.pem&ssl_ca_certs=/c.pem", "redis://h?ssl_keyfile=/k.pem&ssl_ca_certs=/c.pem"},
		{"mongodb://u:p@a:1,b:2/?replicaSet=r", "mongodb://u:***@a:1,b:2/?replicaSet=r"},
		{"swift://demo:nomoresecrete@/demo", "swift://demo:***@/demo"},
		{"swift://demo@h/demo?index=redis%3A%2F%2Fu%3Ap%40h", "swift://***@h/demo?index=***"},
		{"swift://h/demo?index=redis%3A%2F%2Fh", "swift://h/demo?index=redis%3A%2F%2Fh"},
		{"swift://demo:p@/demo?index=redis://u:p2@h", "swift://***"},
		{"mysql://u:p/w@x?y@h/db", "mysql://***"},
		{"mysql://u:p/w@x#y@h/db", "mysql://u:***@h/db"},
		{"u:p@tcp(h)/db", "u:***@tcp(h)/db"},
		{"u:p@h?tls=x", "u:***@h?tls=x"},
		{"u:p://p@tcp(h)/db", "u:***@tcp(h)/db"},
	}
	for _, tt := range tests {
		if got := Redact(tt.uri); got != tt.want {
			t.Errorf("Redact(%q) = %q, want %q", tt.uri, got, tt.want)
		}
		if again := Redact(Redact(tt.uri)); again != Redact(tt.uri) {
			t.Errorf("Redact(%q) is not the same twice: %q", tt.uri, again)
		}
	}
}

// No password gets out, however badly it was put into the URI.
func TestRedactHidesEveryPassword(t *testing.T) {
	// The password has letters that nothing else has, so that a piece of it that is left can be told.
	passwords := rapid.StringOfN(rapid.RuneFrom([]rune(`ZQX@:/?#&=%;[] $`)), 1, 12, -1).
		Filter(func(p string) bool { return strings.ContainsAny(p, "ZQX") })
	forms := rapid.SampledFrom([]string{
		"redis://user:%s@host:6379/0?dbid=1", "redis://:%s@host", "mongodb://user:%s@a:1,b:2/db",
		"user:%s@tcp(host)/db",
	})
	escaped := rapid.SampledFrom([]string{"redis://h?password=%s", "redis://h?a=b&sentinel_password=%s&c=d", "redis://user:%s@h/?x=y", "swift://h?index=redis%%3A%%2F%%2Fu%%3A%s%%40h"})
	rapid.Check(t, func(t *rapid.T) {
		password := passwords.Draw(t, "password")
		for _, uri := range []string{
			strings.Replace(forms.Draw(t, "form"), "%s", password, 1),
			strings.ReplaceAll(strings.Replace(escaped.Draw(t, "escaped"), "%s", url.QueryEscape(password), 1), "%%", "%"),
		} {
			if got := Redact(uri); strings.ContainsAny(got, "ZQX") {
				t.Fatalf("Redact(%q) = %q", uri, got)
			}
		}
	})
}
