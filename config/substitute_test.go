package config

import (
	"testing"

	"pgregory.net/rapid"
)

// What oslo.config 9.0 makes of references, and we as well. The references are to an option that is "O".
func TestExpand(t *testing.T) {
	lookup := func(name string) (string, error) {
		switch name {
		case "other":
			return "O", nil
		case "grp.opt":
			return "G", nil
		case "none":
			return "", nil
		}
		return "", errNoReference
	}
	const unknown = "unknown"
	tests := []struct{ text, want string }{
		{"$other", "O"}, {"${other}", "O"}, {"x$other/y", "xO/y"}, {"$other$other", "OO"}, {"${other}s", "Os"},
		{"$grp.opt", "G"}, {"${grp.opt}", "G"}, {"a${none}b", "ab"},
		{"$$", "$"}, {"$$other", "$other"}, {`\$other`, "$other"}, {`\\$other`, `\$other`}, {"pa$$wd", "pa$wd"}, {"$$$other", "$O"},
		{"$", "$"}, {"a$", "a$"}, {"$1", "$1"}, {"100$", "100$"}, {"$é", "$é"}, {"${}", "${}"}, {"${other", "${other"},
		{"${ other }", "${ other }"}, {"${a:b.opt}", "${a:b.opt}"}, {"$-", "$-"},
		{"$nosuch", unknown}, {"${nosuch}", unknown}, {"$OTHER", unknown}, {"$other.", unknown}, {"$other.x", unknown},
		{"$with-dash", unknown}, {"$_x", unknown}, {"pa$wd", unknown},
	}
	for _, tt := range tests {
		got, err := expand(tt.text, lookup)
		if err != nil {
			got = unknown
		}
		if got != tt.want {
			t.Errorf("expand(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestEscape(t *testing.T) {
	texts := rapid.StringOf(rapid.RuneFrom([]rune(`$\{}a.é`)))
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		got, err := expand(escape(text), func(name string) (string, error) { return "", errNoReference })
		if err != nil || got != text {
			t.Fatalf("expand(escape(%q)) = expand(%q) = %q, %v", text, escape(text), got, err)
		}
	})
}

func TestReferences(t *testing.T) {
	tests := []struct{ name, content, group, option, want string }{
		{"an option of the same group", "[marconi]\ntls_cert = /x.pem\ntls_key = $tls_cert\n", "marconi", "tls_key", "/x.pem"},
		{"its own group first", "[drivers:transport:wsgi]\nbind = 1.2.3.4\n[drivers:transport:websocket]\nbind = ::1\nnotification_bind = $bind\n",
			"drivers:transport:websocket", "notification_bind", "::1"},
		{"then DEFAULT", "[DEFAULT]\nlog_dir = /var\n[marconi]\ntls_key = $log_dir/k\ntls_cert = c\n", "marconi", "tls_key", "/var/k"},
		{"another group", "[DEFAULT]\nlog_file = ${transport.max_queues_per_page}.log\n", "DEFAULT", "log_file", "20.log"},
		{"a default", "[transport]\nmax_claim_ttl = $max_claim_grace\n", "transport", "max_claim_ttl", "43200"},
		{"a chain", "[transport]\nmax_claim_ttl = $max_claim_grace\nmax_claim_grace = $max_message_ttl\nmax_message_ttl = 99\n", "transport", "max_claim_ttl", "99"},
		{"only once", "[DEFAULT]\nlog_file = $log_dir\nlog_dir = a$$debug\n", "DEFAULT", "log_file", "a$debug"},
		{"inside a list", "[DEFAULT]\nenable_deprecated_api_versions = $log_dir,1\nlog_dir = 1.1\n", "DEFAULT", "enable_deprecated_api_versions", "1.1,1"},
		{"an older name's value", "[DEFAULT]\nlog_file = $log_dir/f\nlogdir = /old\n", "DEFAULT", "log_file", "/old/f"},
	}
	for _, tt := range tests {
		c, _, errs := loadText(t, tt.content)
		if len(errs) > 0 {
			t.Errorf("%s: %v", tt.name, errs)
			continue
		}
		if got := textOf(c, tt.group, tt.option); got != tt.want {
			t.Errorf("%s: %s = %q, want %q", tt.name, tt.option, got, tt.want)
		}
	}
}

func TestBadReferences(t *testing.T) {
	const none = "a $ with a name behind it stands for the value of another option, but there is none of that name; a plain $ is written $$"
	tests := []struct {
		name, content string
		want          []string
	}{
		{"a name that nothing has", "[signed_url]\nsecret_key = hunter$two\n", []string{"zaqar.conf:2: [signed_url] secret_key: " + none}},
		{"a group that there isn't", "[DEFAULT]\nlog_file = $nosuch.debug\n", []string{"zaqar.conf:2: [DEFAULT] log_file: " + none}},
		{"itself", "[DEFAULT]\nlog_file = $log_file\n", []string{"zaqar.conf:2: [DEFAULT] log_file: the value refers back to itself"}},
		{"a loop", "[DEFAULT]\nlog_file = $log_dir\nlog_dir = $log_file\n", []string{"zaqar.conf:3: [DEFAULT] log_dir: the value refers back to itself"}},
		{"one error, where it is", "[DEFAULT]\nlog_file = $log_dir\nlog_dir = $nosuch\n", []string{"zaqar.conf:3: [DEFAULT] log_dir: " + none}},
	}
	for _, tt := range tests {
		_, _, errs := loadText(t, tt.content)
		sameTexts(t, tt.name, errs, tt.want)
	}
}

// The shell has its own ways with a $, and passwords come from elsewhere: what it hands on is what counts.
func TestNoReferencesOutsideOfFiles(t *testing.T) {
	c := mustLoad(t, Sources{Environ: []string{"MARCONI_SIGNED_URL__SECRET_KEY=a$$b$c"}, Flags: map[string]string{"store": "redis://u:$x$$@h"}})
	if c.SignedURL.SecretKey != "a$$b$c" || c.Marconi.Store != "redis://u:$x$$@h" {
		t.Errorf("secret_key = %q, store = %q", c.SignedURL.SecretKey, c.Marconi.Store)
	}
}
