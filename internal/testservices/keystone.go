//go:build unix

package testservices

import (
	"crypto/rand"
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"text/template"
	"time"
)

//go:embed keystone
var keystoneFiles embed.FS

// A Keystone is OpenStack's identity service, with its data in a folder.
//
// In the domain Default it knows the projects test and other; the users tester with the password testing, a member of test,
// guest with guesting, who may only read there, and stranger with strange, a member of other; and admin with admin, whose
// project is admin.
type Keystone struct {
	Host string // host:port
	URL  string // http://HOST/v3
	// Credential is an application credential of tester for the project test.
	Credential struct{ ID, Name, Secret string }
	// Projects gives the ids of projects by their names.
	Projects map[string]string
	// Server is the process that answers.
	Server *Server

	dir    string
	forker *forker
	token  string // the admin's
	roles  map[string]string
}

// KeystoneOptions say what is to be started.
type KeystoneOptions struct {
	TokenLife time.Duration // for how long a token holds; an hour if zero
}

// Regions of the catalogue that a [Swift] with a Keystone is found in. In the other one there is no server behind the URL.
const (
	Region      = "RegionOne"
	OtherRegion = "RegionTwo"
)

// StartKeystone starts a Keystone that ends with the test.
func StartKeystone(t testing.TB, o KeystoneOptions) *Keystone {
	t.Helper()
	k, err := RunKeystone(t.TempDir(), o)
	Require(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Keystone:\n%s", k.Log())
		}
		k.Close()
	})
	return k
}

// RunKeystone starts a Keystone with all its data in dir, for a whole test binary. Give its error to [Require] in each
// test, and end it with [Keystone.Close] after the last one.
func RunKeystone(dir string, o KeystoneOptions) (*Keystone, error) {
	for _, name := range []string{"keystone-manage", "keystone-wsgi-public", "uwsgi"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("%s %w", name, ErrNotInstalled)
		}
	}
	k := &Keystone{dir: dir, Projects: map[string]string{}, roles: map[string]string{}}
	if err := k.start(o); err != nil {
		err = fmt.Errorf("start Keystone: %w\n%s", err, k.Log())
		k.Close()
		return nil, err
	}
	return k, nil
}

// Close ends all processes. The data stays in the folder.
func (k *Keystone) Close() {
	if k.Server != nil {
		k.Server.Kill()
	}
	if k.forker != nil {
		k.forker.close()
	}
}

// Log is the end of what the server has said.
func (k *Keystone) Log() string {
	if k.Server == nil || k.Server.process == nil {
		return ""
	}
	return k.Server.process.tail()
}

func (k *Keystone) start(o KeystoneOptions) error {
	// With tokens that are over before all is made, nothing would be.
	config, err := k.configure(0)
	if err == nil {
		err = k.makeKeys()
	}
	if err != nil {
		return err
	}
	python, err := k.python()
	if err != nil {
		return err
	}
	if err := k.launch(config); err != nil {
		return err
	}
	if err := k.layDatabase(python); err != nil {
		return err
	}
	if k.forker, err = newForker(k.dir, python, "keystone.cmd.manage"); err != nil {
		return err
	}
	// While the server is coming, its data is made.
	if err := k.manage(config, "db_sync"); err != nil {
		return err
	}
	err = k.manage(config, "bootstrap", "--bootstrap-password", "admin", "--bootstrap-region-id", Region,
		"--bootstrap-public-url", k.URL, "--bootstrap-internal-url", k.URL)
	if err != nil {
		return err
	}
	if err := k.Server.ready(); err != nil {
		return err
	}
	if err := k.populate(); err != nil || o.TokenLife == 0 {
		return err
	}
	if _, err := k.configure(o.TokenLife); err != nil {
		return err
	}
	k.Server.Kill()
	return k.Server.Start()
}

// makeKeys writes the keys that tokens are made with.
func (k *Keystone) makeKeys() error {
	keys := filepath.Join(k.dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return err
	}
	for i := range 2 {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
		if err := os.WriteFile(filepath.Join(keys, strconv.Itoa(i)), []byte(base64.URLEncoding.EncodeToString(key)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// configure writes the configuration.
func (k *Keystone) configure(life time.Duration) (string, error) {
	all, err := template.ParseFS(keystoneFiles, "keystone/*.conf")
	if err != nil {
		return "", err
	}
	path := filepath.Join(k.dir, "keystone.conf")
	return path, fill(path, all, "keystone.conf", map[string]any{"Dir": k.dir, "TokenLife": seconds(life, time.Hour)})
}

// launch starts the server, under uWSGI as Debian's package does.
func (k *Keystone) launch(config string) error {
	port, err := findPort()
	if err != nil {
		return err
	}
	application, err := exec.LookPath("keystone-wsgi-public")
	if err != nil {
		return err
	}
	k.Host = address(port)
	k.URL = "http://" + k.Host + "/v3"
	k.Server = &Server{
		Name: "keystone", Address: k.Host, check: "/v3", dir: k.dir, env: []string{"OS_KEYSTONE_CONFIG_FILES=" + config},
		command: []string{"uwsgi", "--plugins", "python3", "--http-socket", k.Host, "--wsgi-file", application,
			"--master", "--no-orphans", "--processes", "4", // no threads, which SQLite does not bear
			"--buffer-size", "65535", "--post-buffering", "65536", "--socket-timeout", "60", "--need-app",
			// It ends a connection with the answer, and has to say so.
			"--add-header", "Connection: close"},
	}
	return k.Server.launch()
}

// python gives the command of the Python that Keystone's programs want.
func (k *Keystone) python() ([]string, error) {
	path, err := exec.LookPath("keystone-manage")
	if err != nil {
		return nil, err
	}
	return interpreter(path)
}

// layDatabase makes an empty database in which readers do not keep writers waiting: what a thread of the server has read
// would lock the others out for seconds.
func (k *Keystone) layDatabase(python []string) error {
	const program = `import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("PRAGMA journal_mode = WAL")`
	args := slices.Concat(python[1:], []string{"-c", program, filepath.Join(k.dir, "keystone.db")})
	if said, err := exec.Command(python[0], args...).CombinedOutput(); err != nil {
		return fmt.Errorf("lay the database: %w: %s", err, said)
	}
	return nil
}

// manage runs a command of keystone-manage.
func (k *Keystone) manage(config string, args ...string) error {
	path, err := exec.LookPath("keystone-manage")
	if err != nil {
		return err
	}
	p, err := k.forker.launch("keystone-manage", filepath.Join(k.dir, "manage.log"), path, append([]string{"--config-file", config}, args...)...)
	if err != nil {
		return err
	}
	<-p.done
	if p.failed {
		return fmt.Errorf("keystone-manage %s: %s", args[0], p.tail())
	}
	return nil
}
