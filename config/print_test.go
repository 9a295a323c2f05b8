package config

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func printed(t testing.TB, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintDefault(t *testing.T) { golden(t, "default.conf", printed(t, Default())) }

func TestPrintLoaded(t *testing.T) {
	c := mustLoad(t, Sources{Files: []string{filepath.Join("testdata", "newton.conf")}})
	golden(t, "newton.printed.conf", printed(t, c))
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := Markdown(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/configuration.md", b.String())
}

func TestPrintHidesSecrets(t *testing.T) {
	c := mustLoad(t, Sources{Environ: []string{
		"MARCONI_MARCONI__STORE=redis://me:hunter2@h/0?sentinel_password=hunter2",
		"MARCONI_DRIVERS_MESSAGE_STORE_SWIFT__URI=swift://demo:hunter2@/demo",
		"MARCONI_SIGNED_URL__SECRET_KEY=hunter2",
		"MARCONI_NOTIFICATION__SMTP_USER_PASSWORD=hunter2",
		"MARCONI_TRANSPORT__MESSAGE_ENCRYPTION_KEY=hunter2",
	}})
	text := printed(t, c)
	if strings.Contains(text, "hunter2") {
		t.Errorf("a printed configuration has a secret:\n%s", text)
	}
	for _, want := range []string{"\nstore = redis://me:***@h/0?sentinel_password=***\n", "\nuri = swift://demo:***@/demo\n", "\nsecret_key = ***\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("a printed configuration lacks %q", want)
		}
	}
	_, warnings, errs := loadText(t, text)
	if len(errs) > 0 || len(warnings) != 5 {
		t.Errorf("loading it again: errors %q, warnings %q, want one for each secret", errs, warnings)
	}
}

// differences compares two configurations, but for where they are from and what is secret.
func differences(a, b *Config) string {
	secret := regexp.MustCompile(`URI$|AuthURL|SecretKey|Password$|EncryptionKey|Marconi\.(Control)?Store$`)
	hidden := cmp.FilterPath(func(p cmp.Path) bool { return secret.MatchString(p.String()) }, cmp.Ignore())
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(Config{}), hidden)
}

// A printed configuration loads as what was printed: the same values, and the same options not set.
func checkRoundTrip(t testing.TB, c *Config) {
	t.Helper()
	text := printed(t, c)
	back, _, errs := loadText(t, text)
	if len(errs) > 0 {
		t.Errorf("loading a printed configuration: %q\n%s", errs, text)
		return
	}
	if diff := differences(c, back); diff != "" {
		t.Errorf("a printed configuration is another one (-printed +loaded):\n%s", diff)
	}
	for k := range newIndex(c.groups()).options {
		_, was := c.origins[k]
		if _, is := back.origins[k]; was != is {
			t.Errorf("%v was set: %v; after printing and loading: %v", k, was, is)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	checkRoundTrip(t, Default())
	for _, name := range []string{"icehouse.conf", "newton.conf"} {
		checkRoundTrip(t, mustLoad(t, Sources{Files: []string{filepath.Join("testdata", name)}}))
	}
}

// Whatever the environment may set, a file can say as well.
func TestRoundTripOfAnyText(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("ab'\"$\\ \n,:#;={}é\u00a0"))))
	names := rapid.SampledFrom([]key{{"DEFAULT", "log_file"}, {"DEFAULT", "default_log_levels"}, {"notification", "smtp_command"},
		{"notification", "subscription_confirmation_email_template"}, {"oslo_policy", "policy_dirs"}, {"transport", "subscriber_types"}})
	rapid.Check(t, func(rt *rapid.T) {
		env := names.Draw(rt, "name").env() + "=" + texts.Draw(rt, "text")
		if c, _, err := Load(Sources{Environ: []string{env}}); err == nil {
			checkRoundTrip(t, c)
		}
	})
}

func TestFileText(t *testing.T) {
	tests := []struct {
		text   string
		active bool
		want   string
	}{
		{"", true, ""},
		{"x", true, " x"},
		{"x y", true, " x y"},
		{" x", true, ` " x"`},
		{`"x"`, true, ` ""x""`},
		{`'`, true, ` "'"`},
		{"a$b", true, " a$$b"},
		{`a\$b`, true, ` a\\$b`},
		{"a\nb\nc", true, " a\n    b\n    c"},
		{"a\nb", false, " a\n#    b"},
		{"# x", true, " # x"},
	}
	for _, tt := range tests {
		if got := fileText(tt.text, tt.active); got != tt.want {
			t.Errorf("fileText(%q, %v) = %q, want %q", tt.text, tt.active, got, tt.want)
		}
	}
}
