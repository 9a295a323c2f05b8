package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLoadFile(t *testing.T) {
	c, warnings, errs := loadText(t, "[DEFAULT]\nadmin_mode = yes\n[marconi]\nrequest_timeout = 2.5\n[transport]\nmax-claim-ttl: 99\n")
	sameTexts(t, "warnings", warnings, nil)
	sameTexts(t, "errors", errs, nil)
	if !c.Service.AdminMode || c.Marconi.RequestTimeout != 2500*time.Millisecond || c.Transport.MaxClaimTTL != 99 {
		t.Errorf("admin_mode = %v, request_timeout = %v, max_claim_ttl = %v", c.Service.AdminMode, c.Marconi.RequestTimeout, c.Transport.MaxClaimTTL)
	}
	if at := c.Origin("transport", "max_claim_ttl"); filepath.Base(at.String()) != "zaqar.conf:6" {
		t.Errorf("max_claim_ttl is from %v", at)
	}
	if at := c.Origin("transport", "max_claim_grace"); at.String() != "default" {
		t.Errorf("max_claim_grace is from %v", at)
	}
}

// Whichever sources set an option, the strongest has its way, and is named.
func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	confDir := filepath.Join(dir, "conf.d")
	if err := os.Mkdir(confDir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, "a.conf"), filepath.Join(dir, "b.conf"), filepath.Join(confDir, "10.conf"), filepath.Join(confDir, "20.conf")}
	const env, flag = "environment variable MARCONI_TRANSPORT__MAX_CLAIM_TTL", "flag --transport/max_claim_ttl"
	rapid.Check(t, func(t *rapid.T) {
		sources := Sources{Files: files[:2], Dir: confDir}
		want, origin := "43200", "default"
		value := rapid.IntRange(60, 99999)
		set := func(where string) (string, bool) {
			if !rapid.Bool().Draw(t, "in "+where) {
				return "", false
			}
			want, origin = strconv.Itoa(value.Draw(t, "value")), where
			return want, true
		}
		for _, f := range files {
			content := "[transport]\n"
			if text, ok := set(f + ":2"); ok {
				content += "max_claim_ttl = " + text + "\n"
			}
			if err := os.WriteFile(f, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if text, ok := set(env); ok {
			sources.Environ = []string{"MARCONI_TRANSPORT__MAX_CLAIM_TTL=" + text}
		}
		if text, ok := set(flag); ok {
			sources.Flags = map[string]string{"transport/max_claim_ttl": text}
		}
		c, _, err := Load(sources)
		if err != nil {
			t.Fatal(err)
		}
		if got, at := textOf(c, "transport", "max_claim_ttl"), c.Origin("transport", "max_claim_ttl").String(); got != want || at != origin {
			t.Fatalf("max_claim_ttl = %s from %s, want %s from %s", got, at, want, origin)
		}
	})
}

func TestConfigDir(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"b.conf": "[DEFAULT]\nlog_file = b\n", "a.conf": "[DEFAULT]\nlog_file = a\nlog_dir = a\n",
		"c.conf~": "rubbish\n", "README": "rubbish\n", "policy.yaml": "rubbish\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d.conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, Sources{Dir: dir})
	if c.Log.File != "b" || c.Log.Dir != "a" {
		t.Errorf("log_file = %q, log_dir = %q; want b, a", c.Log.File, c.Log.Dir)
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	dir := t.TempDir()
	_, _, err := Load(Sources{Files: []string{filepath.Join(dir, "x.conf")}, Dir: filepath.Join(dir, "conf.d")})
	sameTexts(t, "errors", errorTexts(err, dir), []string{
		"x.conf: the file can't be read: no such file or directory",
		"conf.d: the folder can't be read: no such file or directory"})
}

// All errors come at once, file by file and line by line, whether they are about a line or about a value.
func TestAllErrors(t *testing.T) {
	dir := t.TempDir()
	contents := []string{
		"[transport]\nmax_claim_ttl = 1h\nrubbish\nmax_queues_per_page = 0\n[DEFAULT]\ndebug = maybe\n",
		"[drivers]\nmessage_store = mongo\ntransport = http\n[marconi]\nstore = hunter2\n[signed_url]\nsecret_key = $hunter2\n",
	}
	var files []string
	for i, content := range contents {
		files = append(files, filepath.Join(dir, strconv.Itoa(i)+".conf"))
		if err := os.WriteFile(files[i], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := Load(Sources{Files: files,
		Environ: []string{"MARCONI_MARCONI__LISTEN=8888", "MARCONI_DEFAULT__LOG_FILE=a\x00b", "MARCONI_NOTIFICATION__SMTP_COMMAND=a\nb"},
		Flags:   map[string]string{"log-level": "loud", "transport/max_claim_tl": "60"}})
	if c != nil {
		t.Errorf("Load gives a configuration beside its errors")
	}
	sameTexts(t, "errors", errorTexts(err, dir), []string{
		`0.conf:2: [transport] max_claim_ttl: "1h" is not a whole number from 60 to 3153600000`,
		`0.conf:3: the line has no = or :`,
		`0.conf:4: [transport] max_queues_per_page: "0" is not a whole number from 1 to 100000`,
		`0.conf:6: [DEFAULT] debug: "maybe" is not true or false`,
		`1.conf:2: [drivers] message_store: "mongo" is not one of mongodb, mongodb.fifo, redis, swift, sqlalchemy, sqlite, postgresql, mysql, memory`,
		`1.conf:3: [drivers] transport: "http" is not a list with commas, of wsgi, websocket`,
		`1.conf:5: [marconi] store: the value is not a URI`,
		`1.conf:7: [signed_url] secret_key: ` + errNoReference.Error(),
		`flag --transport/max_claim_tl: no option has this name; did you mean [transport] max_claim_ttl?`,
		`environment variable MARCONI_DEFAULT__LOG_FILE: [DEFAULT] log_file: the value has a control character in it`,
		`environment variable MARCONI_MARCONI__LISTEN: [marconi] listen: "8888" is not an address such as 127.0.0.1:8888 or [::1]:8888`,
		`flag --log-level: [marconi] log_level: "loud" is not one of debug, info, warning, error`,
		`environment variable MARCONI_NOTIFICATION__SMTP_COMMAND: [notification] smtp_command: the value goes over several lines, but has to be on one`,
	})
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an error holds a secret: %v", err)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	_, _, errs := loadText(t, "[transport]\nmax_claim_ttl = "+strings.Repeat("é", 50)+"\n")
	sameTexts(t, "errors", errs, []string{
		`zaqar.conf:2: [transport] max_claim_ttl: "` + strings.Repeat("é", 30) + `…" is not a whole number from 60 to 3153600000`})
}

func TestOptionsThatMustFit(t *testing.T) {
	tests := []struct {
		content        string
		warnings, errs []string
	}{
		{content: "[marconi]\ntls_cert = c\n", errs: []string{"zaqar.conf:2: [marconi] tls_cert: a certificate needs its key: set [marconi] tls_key"}},
		{content: "[marconi]\ntls_key = k\n", errs: []string{"zaqar.conf:2: [marconi] tls_key: a key needs its certificate: set [marconi] tls_cert"}},
		{content: "[marconi]\ntls_key = k\ntls_cert = c\n"},
		{content: "[transport]\nmin_length_client_id = 37\n",
			errs: []string{"zaqar.conf:2: [transport] min_length_client_id: client IDs would have at least 37 and at most 36 characters"}},
		{content: "[transport]\nmax_length_client_id = 9\n",
			errs: []string{"zaqar.conf:2: [transport] max_length_client_id: client IDs would have at least 10 and at most 9 characters"}},
		{content: "[transport]\nmax_claim_ttl = 100\n"}, // the default of 300 was nobody's wish
		{content: "[transport]\nmax_claim_ttl = 100\ndefault_claim_ttl = 200\n",
			warnings: []string{"zaqar.conf:3: [transport] default_claim_ttl is above max_claim_ttl, so that is the default: 100"}},
		{content: "[marconi]\nstore = memory:\n[drivers]\nmessage_store = redis\n",
			warnings: []string{"zaqar.conf:4: [drivers] message_store does not count, since [marconi] store is set (zaqar.conf:2)"}},
		{content: "[marconi]\nstore = redis://u:***@h\n",
			warnings: []string{"zaqar.conf:2: [marconi] store has *** where a printed configuration hides a secret"}},
	}
	for _, tt := range tests {
		_, warnings, errs := loadText(t, tt.content)
		sameTexts(t, tt.content+"warnings", warnings, tt.warnings)
		sameTexts(t, tt.content+"errors", errs, tt.errs)
	}
}

func TestEnvironment(t *testing.T) {
	c, warnings, err := Load(Sources{Environ: []string{
		"PATH=/bin", "MARCONI_TEST_REDIS_URI=redis://h", "MARCONI_HOME=/x", "=odd", "MARCONI_DEFAULT__DEBUG",
		"MARCONI_DEFAULT__ADMIN_MODE=true",
		"MARCONI_DRIVERS_TRANSPORT_WSGI__PORT=8000",
		"MARCONI_DRIVERS_MESSAGE_STORE_MONGODB__URI=mongodb://a=b",
		"MARCONI_LIMITS_TRANSPORT__CLAIM_TTL_MAX=100",
		"MARCONI_KEYSTONE_AUTHTOKEN__PASSWORD=x", "MARCONI_POOLING_CATALOG__STORAGE=sqlite",
		"MARCONI_MARCONI__STORRE=memory:", "MARCONI_X__Y=1",
		"MARCONI_MARCONI__STORE=redis:", "MARCONI_MARCONI__STORE=memory:",
	}})
	sameTexts(t, "errors", errorTexts(err, ""), []string{`environment variable MARCONI_DEFAULT__DEBUG: [DEFAULT] debug: "" is not true or false`})
	sameTexts(t, "warnings", warningTexts(warnings, ""), []string{
		"environment variable MARCONI_MARCONI__STORRE: no option has this name; did you mean MARCONI_MARCONI__STORE?",
		"environment variable MARCONI_X__Y: no option has this name",
		"environment variable MARCONI_LIMITS_TRANSPORT__CLAIM_TTL_MAX: [limits:transport] claim_ttl_max is an older name of [transport] max_claim_ttl",
	})
	if c != nil {
		t.Errorf("Load gives a configuration beside its errors")
	}

	c = mustLoad(t, Sources{Environ: []string{"MARCONI_DRIVERS_TRANSPORT_WSGI__PORT=8000", "MARCONI_LIMITS_TRANSPORT__CLAIM_TTL_MAX=100",
		"MARCONI_MARCONI__STORE=redis:", "MARCONI_MARCONI__STORE=memory:"}})
	if c.WSGI.Port != 8000 || c.Transport.MaxClaimTTL != 100 || c.Marconi.Store != "memory:" {
		t.Errorf("port = %d, max_claim_ttl = %d, store = %q", c.WSGI.Port, c.Transport.MaxClaimTTL, c.Marconi.Store)
	}
}

func TestFlagValues(t *testing.T) {
	c := mustLoad(t, Sources{Flags: map[string]string{"admin-mode": "true", "listen": ":1", "log_file": "x", "drivers:transport:wsgi/port": "2", "DEFAULT/debug": "1"}})
	if !c.Service.AdminMode || c.Marconi.Listen != ":1" || c.Log.File != "x" || c.WSGI.Port != 2 || !c.Log.Debug {
		t.Errorf("flags give %+v, %+v, %+v", c.Service, c.Marconi, c.Log)
	}
	if at := c.Origin("DEFAULT", "admin_mode").String(); at != "flag --admin-mode" {
		t.Errorf("admin_mode is from %s", at)
	}
}
