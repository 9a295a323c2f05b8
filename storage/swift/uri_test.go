package swift

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// with is the settings of a URI that says no more than these.
func with(change func(s *settings)) settings {
	s := defaultSettings()
	change(&s)
	return s
}

func TestParseURI(t *testing.T) {
	user := func(s *settings) { s.user, s.key, s.project = "u", "k", "p" }
	demo := func(s *settings) {
		s.auth, s.authURL, s.user, s.key, s.project = objects.V3, "http://127.0.0.1:5000/v3/", "demo", "nomoresecrete", "demo"
	}
	tests := []struct {
		uri  string
		want settings
	}{
		{"swift://tester:testing@127.0.0.1:8080/test?auth=v1", with(func(s *settings) {
			s.auth, s.authURL = objects.V1, "http://127.0.0.1:8080/auth/v1.0"
			s.user, s.key, s.project = "tester", "testing", "test"
		})},
		{"SWIFT://u:k@host/p?auth=V1&tls=true", with(func(s *settings) {
			user(s)
			s.auth, s.authURL, s.tls.on = objects.V1, "https://host:8080/auth/v1.0", true
		})},
		{"swift://u:k@[::1]/?auth=v1", with(func(s *settings) {
			s.auth, s.authURL, s.user, s.key = objects.V1, "http://[::1]:8080/auth/v1.0", "u", "k"
		})},
		{"swift://u:k@host:35357/p", with(func(s *settings) { user(s); s.auth, s.authURL = objects.V3, "http://host:35357/v3/" })},
		{"swift://u%3Av:p%40ss%2F%3A%23@host/a%2Fb?auth=v3", with(func(s *settings) {
			s.auth, s.authURL, s.user, s.key, s.project = objects.V3, "http://host:5000/v3/", "u:v", "p@ss/:#", "a/b"
		})},
		{"swift://u:with@and#and+@host/p", with(func(s *settings) {
			user(s)
			s.auth, s.authURL, s.key = objects.V3, "http://host:5000/v3/", "with@and#and+"
		})},

		// as OpenStack's files have it
		{"swift://demo:nomoresecrete@/demo", with(demo)},
		{"swift://demo:nomoresecrete@/demo?auth_url=https%3A%2F%2Fid%3A5000%2Fv3&insecure=true&interface=internalURL&project_domain_id=pd" +
			"&project_domain_name=P&user_domain_id=ud&user_domain_name=U&region_name=r1", with(func(s *settings) {
			demo(s)
			s.authURL, s.tls.insecure, s.endpoint, s.region = "https://id:5000/v3", true, "internal", "r1"
			s.projectDomain, s.userDomain = domain{"pd", "P"}, domain{"ud", "U"}
		})},
		{"swift://demo:nomoresecrete@/demo?region_name=&interface=admin", with(func(s *settings) { demo(s); s.endpoint = "admin" })},
		{"swift://u:k@/p?auth_url=http://swift/auth/v1.0", with(func(s *settings) { user(s); s.auth, s.authURL = objects.V1, "http://swift/auth/v1.0" })},
		{"swift://u:k@h:1/p?auth_url=http://id/identity", with(func(s *settings) { user(s); s.auth, s.authURL = objects.V3, "http://id/identity" })},
		{"swift://u:k@/p?auth_url=http://id/identity&auth=v3", with(func(s *settings) { user(s); s.auth, s.authURL = objects.V3, "http://id/identity" })},

		{"swift://host?application_credential_id=i&application_credential_secret=s%26", with(func(s *settings) {
			s.auth, s.authURL, s.credential = objects.V3, "http://host:5000/v3/", credential{id: "i", secret: "s&"}
		})},
		{"swift:///?application_credential_id=i&application_credential_secret=s", with(func(s *settings) {
			s.auth, s.authURL, s.credential = objects.V3, keystoneURL, credential{id: "i", secret: "s"}
		})},
		{"swift://u@host?application_credential_name=n&application_credential_secret=s", with(func(s *settings) {
			s.auth, s.authURL, s.user, s.credential = objects.V3, "http://host:5000/v3/", "u", credential{name: "n", secret: "s"}
		})},

		{"swift://demo:nomoresecrete@/demo?index=redis%3A%2F%2Fu%3Ap%40h%3Fdbid%3D1%26prefix%3Dx&containers=8&inline_below=0&cache=1048576", with(func(s *settings) {
			demo(s)
			s.index, s.containers, s.inline, s.cache = "redis://u:p@h?dbid=1&prefix=x", 8, 0, 1<<20
		})},
		{"swift://demo:nomoresecrete@/demo?index=none&listing_horizon=2.5&lease_settle=30&shards=4&prefix=other", with(func(s *settings) {
			demo(s)
			s.index, s.horizon, s.settle, s.shards, s.prefix = noIndex, 2500*time.Millisecond, 30*time.Millisecond, 4, "other"
		})},
		{"swift://demo:nomoresecrete@/demo?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&request_timeout=3&connections=7", with(func(s *settings) {
			demo(s)
			s.tls = tlsFiles{ca: "/ca.pem", cert: "/c.pem", key: "/k.pem"}
			s.timeout, s.connections = 3*time.Second, 7
		})},
	}
	for _, test := range tests {
		got, err := parseURI(test.uri)
		if err != nil {
			t.Errorf("parseURI(%q): %v", test.uri, err)
			continue
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(settings{}, tlsFiles{}, credential{}, domain{})); diff != "" {
			t.Errorf("parseURI(%q) (-want +got)\n%s", test.uri, diff)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	const demo = "swift://demo:secret@/demo"
	tests := []struct{ uri, says string }{
		{"", "the form swift://"},
		{"swift:h", "the form swift://"},
		{"http://u:secret@h/p", "the form swift://"},
		{"swift://", "the form swift://"},
		{"swift://h", "the form swift://"},
		{"swift://h/p?auth=v1", "the form swift://"},
		{"swift://u:secret@", "the form swift://"},
		{"swift://u:secret@h", "the form swift://"},
		{"swift://secret@h/p", "a user without a key"},
		{"swift://u:@h/p", "a user without a key"},
		{"swift://:secret@h/p", "a user without a key"},
		{"swift://u:%secret@h/p", "must be escaped"},
		{"swift://%zz:secret@h/p", "must be escaped"},
		{"swift://u:sec/ret@h/p", "must be escaped"},
		{"swift://u:sec?ret@h/p", "must be escaped"},
		{"swift://u:sec?secret=secret@h/p", "unknown option"},
		{"swift://u:p@sec/ret@h/p", "must be escaped"},
		{"swift://u:p@h/secret/p", "must be escaped"},
		{"swift://u:p@h/%secret", "must be escaped"},
		{"swift://u:p@h:secret/p", "the host: its port"},
		{"swift://u:p@h:0/p", "the host: its port"},
		{"swift://u:p@:5000/p", "the host: it has no name"},
		{"swift://u:p@h i/p", "the host: it has a character"},
		{"swift://u:p@::1/p", "stands in brackets"},
		{"swift://u:p@[::1/p", "no IPv6 address"},
		{"swift://u:p@[::1]7/p", "only a port may follow"},
		{"swift://u:p@h/p?auth_url=http://id&tls=true", "write https: there"},
		{demo + "?tls=true", "write https: there"},
		{demo + "?auth_url=secret", "want the URL of the identity service"},
		{demo + "?auth_url=ftp://h", "want the URL of the identity service"},
		{demo + "?auth_url=http://u:secret@h", "want the URL of the identity service"},
		{demo + "?auth=v2", `option auth: "v2": want one of v1, v3`},
		{demo + "?interface=secret-secret", "option interface: want one of public, internal, admin"},
		{demo + "?insecure=yes", `option insecure: "yes": want one of true, false`},
		{demo + "?insecure=true&ssl_ca_certs=/x", "for nothing"},
		{demo + "?ssl_certfile=/x", "need each other"},
		{demo + "?ssl_ca_certs=", "option ssl_ca_certs: it is empty"},
		{demo + "?containers=0", `option containers: "0": want a number from 1 to 4096`},
		{demo + "?cache=12", "want a number from 1048576"},
		{demo + "?request_timeout=0", "want a number of seconds"},
		{demo + "?request_timeout=NaN", "want a number of seconds"},
		{demo + "?index=none&lease_settle=-1", "want a number from 0 to 60000"},
		{demo + "?prefix=a/b", "option prefix: want up to 64"},
		{demo + "?index=", "option index: want none, or the URI"},
		{demo + "?index=secret", "option index: want none, or the URI"},
		{demo + "?index=swift://u:secret@h/p", "in another store"},
		{demo + "?index=none&containers=3", "option containers is about what stands beside an index"},
		{demo + "?index=none&inline_below=3", "option inline_below is about"},
		{demo + "?index=none&shards=257", `option shards: "257": want a number from 1 to 256`},
		{demo + "?shards=3", "option shards is for Swift without an index"},
		{demo + "?index=redis://h&listing_horizon=3", "option listing_horizon is for Swift without an index"},
		{demo + "?shards=1&shards=2", "option shards is given 2 times"},
		{demo + "?indx=none", `there is no option "indx"; did you mean index? there are application_credential_id,`},
		{demo + "?colour=none", `there is no option "colour"; there are`},
		{demo + "?secret-Secret=1", "there is an unknown option"},
		{demo + "?x=%zzsecret", "can't be read"},
		{"swift://u:secret@h/p?auth=v1&user_domain_name=x", "knows no domains"},
		{"swift://u:secret@h/p?auth=v1&application_credential_id=x&application_credential_secret=secret", "knows no domains"},
		{"swift://h?application_credential_id=x", "an application credential is application_credential_secret with"},
		{"swift://h?application_credential_secret=secret", "an application credential is application_credential_secret with"},
		{"swift://h?application_credential_id=x&application_credential_name=y&application_credential_secret=secret", "an application credential is"},
		{"swift://h/p?application_credential_id=x&application_credential_secret=secret", "has its project with it"},
		{"swift://u:secret@h?application_credential_id=x&application_credential_secret=secret", "stands for the user's key"},
		{"swift://u:secret@h?application_credential_name=x&application_credential_secret=secret", "stands for the user's key"},
		{"swift://h?application_credential_name=x&application_credential_secret=secret", "stands for the user's key"},
	}
	for _, test := range tests {
		_, err := parseURI(test.uri)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("parseURI(%q): %v, want something about %q", test.uri, err, test.says)
			continue
		}
		if told := strings.ReplaceAll(err.Error(), "application_credential_secret", ""); strings.Contains(told, "secret") {
			t.Errorf("parseURI(%q) tells the secret: %v", test.uri, err)
		}
	}
}

func TestRedactedNamesThePlaceAlone(t *testing.T) {
	for uri, want := range map[string]string{
		"swift://u:secret@h:1/p?auth=v1":          "Swift by http://h:1",
		"swift://u:secret@h/p?tls=true":           "Swift by https://h:5000",
		"swift://u:secret@/p?index=redis://u:p@h": "Swift by http://127.0.0.1:5000",
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

// The user of tempauth has the account before it; that of Keystone has not.
func TestWhoLogsIn(t *testing.T) {
	for uri, want := range map[string]string{
		"swift://tester:testing@h/test?auth=v1": "test:tester",
		"swift://tester:testing@h/?auth=v1":     "tester",
		"swift://tester:testing@h/test":         "tester",
	} {
		s, err := parseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.account(storage.Options{}).User; got != want {
			t.Errorf("%s logs in as %q, want %q", uri, got, want)
		}
	}
}

// All that a URI says of how to log in, and of how to speak, comes to the account.
func TestWhatAnAccountIsOpenedWith(t *testing.T) {
	const speech = "region_name=r&interface=internalURL&connections=7&request_timeout=3"
	for uri, want := range map[string]objects.Options{
		"swift://u:k@h/p?tls=true&ssl_ca_certs=/ca&ssl_certfile=/cert&ssl_keyfile=/key&user_domain_id=ui&project_domain_name=pn&" + speech: {
			AuthURL: "https://h:5000/v3/", Version: objects.V3, User: "u", Key: "k", Project: "p",
			UserDomain: "Default", UserDomainID: "ui", ProjectDomain: "pn",
			TLS: objects.TLS{CAFile: "/ca", CertFile: "/cert", KeyFile: "/key"},
		},
		"swift://u@/?auth_url=https://h/v3&insecure=true&application_credential_name=n&application_credential_secret=s&" + speech: {
			AuthURL: "https://h/v3", Version: objects.V3, User: "u", CredentialName: "n", CredentialSecret: "s",
			UserDomain: "Default", ProjectDomain: "Default", TLS: objects.TLS{Insecure: true},
		},
	} {
		s, err := parseURI(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		want.Region, want.Interface, want.Connections, want.Timeout = "r", "internal", 7, 3*time.Second
		if diff := cmp.Diff(want, s.account(storage.Options{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", uri, diff)
		}
	}
}

// FuzzParseURI looks for URIs that tell their key, in an error or in their redacted form.
func FuzzParseURI(f *testing.F) {
	const secret = "Hunter2Hunter2"
	f.Add("swift://u:", "@h:1/p?auth=v1")
	f.Add("swift://u:", "@/p?auth_url=http://h")
	f.Add("swift://u:a?b", "@h/p")
	f.Add("swift://u:a/", "c@h/p")
	f.Add("swift://h?application_credential_secret=", "&application_credential_id=i")
	f.Add("swift://u:x?index=redis://u:", "@h")
	f.Add("swift://u:k@h/p?index=redis://u:", "@h")
	f.Fuzz(func(t *testing.T, before, after string) {
		s, err := parseURI(before + secret + after)
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("parseURI(%q) tells the key: %v", before+secret+after, err)
			}
			return
		}
		if !strings.Contains(s.key+s.credential.secret+s.index, secret) {
			return // it was no secret, but a host, say
		}
		if strings.Contains(s.redacted(), secret) {
			t.Errorf("%q is redacted as %s", before+secret+after, s.redacted())
		}
	})
}
