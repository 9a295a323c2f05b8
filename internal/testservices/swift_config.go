//go:build unix

package testservices

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed swift
var swiftFiles embed.FS

// swiftConf is read by all servers whatever their own configuration says, for a secret that goes into the places of all data.
const swiftConf = "/etc/swift/swift.conf"

// A SwiftUser may log in at tempauth, as Account:Name with Key.
type SwiftUser struct {
	Account, Name, Key string
	Groups             string // ".admin": may do all in its account; ".reseller_admin": in all accounts; "": nothing
}

// SwiftUsers are those that tempauth knows.
var swiftUsers = []SwiftUser{
	{"test", "tester", "testing", ".admin"},
	{"test", "guest", "guesting", ""},
	{"other", "tester", "testing2", ".admin"},
	{"admin", "admin", "admin", ".admin .reseller_admin"},
}

// filters are those of the proxy, in the order of its pipeline.
var filters = []string{"catch_errors", "gatekeeper", "healthcheck", "proxy-logging", "cache", "listing_formats", "bulk", "tempauth",
	"copy", "slo", "dlo", "versioned_writes", "proxy-logging", "proxy-server"}

// swiftValues are what the templates of configuration files are filled with.
type swiftValues struct {
	Name                                 string
	Port                                 int
	User, Etc, Devices, Cache, Memcached string
	Rsync                                string
	Kinds                                []string
	LogPort, NodeTimeout, TokenLife      int
	Users                                []SwiftUser
	Pipeline                             string
	Keystone                             string // its URL, if it has one
}

func newSwiftValues(dir string, o SwiftOptions) (swiftValues, error) {
	me, err := user.Current()
	if err != nil {
		return swiftValues{}, err
	}
	v := swiftValues{
		User: me.Username, Etc: filepath.Join(dir, "etc"), Devices: filepath.Join(dir, "devices"), Cache: filepath.Join(dir, "cache"),
		Users: swiftUsers, Kinds: []string{"account", "container", "object"},
		NodeTimeout: seconds(o.NodeTimeout, 10*time.Second), TokenLife: seconds(o.TokenLife, 24*time.Hour),
	}
	if o.Keystone != nil {
		v.Keystone = o.Keystone.URL
	}
	v.Pipeline = pipeline(o)
	for _, folder := range []string{v.Etc, v.Devices, v.Cache} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return v, err
		}
	}
	return v, nil
}

func pipeline(o SwiftOptions) string {
	var kept []string
	for _, one := range filters {
		switch {
		case slices.Contains(o.Without, one):
		case one == "tempauth" && o.Keystone != nil:
			kept = append(kept, "authtoken", "keystoneauth")
		default:
			kept = append(kept, one)
		}
	}
	return strings.Join(kept, " ")
}

func seconds(d, otherwise time.Duration) int {
	if d == 0 {
		d = otherwise
	}
	return max(1, int(d/time.Second))
}

// write fills a template and writes it as a file of the configuration. It gives the file's path.
func (v swiftValues) write(name, of string, port int) (string, error) {
	v.Name, v.Port = name, port
	all, err := template.ParseFS(swiftFiles, "swift/*.conf")
	if err != nil {
		return "", err
	}
	path := filepath.Join(v.Etc, name+".conf")
	return path, fill(path, all, of+".conf", v)
}

// fill writes a file by a template of a set.
func fill(path string, all *template.Template, name string, with any) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(all.ExecuteTemplate(f, name, with), f.Close())
}

// swiftProgram gives the path of one of Swift's programs: with MARCONI_TEST_SWIFT that of the folder.
func swiftProgram(name string) (string, error) {
	if folder := os.Getenv("MARCONI_TEST_SWIFT"); folder != "" {
		return filepath.Join(folder, "usr", "bin", name), nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s %w", name, ErrNotInstalled)
	}
	return path, nil
}

// swiftPython gives the command of the Python that Swift's programs want.
func swiftPython() ([]string, error) {
	if folder := os.Getenv("MARCONI_TEST_SWIFT"); folder != "" {
		return []string{filepath.Join(folder, "run")}, nil
	}
	path, err := swiftProgram("swift-proxy-server")
	if err != nil {
		return nil, err
	}
	return interpreter(path)
}

// interpreter is the command in the first line of a script.
func interpreter(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	command, is := strings.CutPrefix(line, "#!")
	words := strings.Fields(command)
	if !is || len(words) == 0 {
		return nil, fmt.Errorf("%s is no script", path)
	}
	return words, nil
}

// swiftInstalled is an error if something is missing here.
func swiftInstalled(o SwiftOptions) error {
	if o.Keystone != nil && os.Getenv("MARCONI_TEST_SWIFT") != "" {
		return errOtherVersion
	}
	for _, name := range []string{"swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server"} {
		if _, err := swiftProgram(name); err != nil {
			return err
		}
	}
	if _, err := exec.LookPath("memcached"); err != nil {
		return fmt.Errorf("memcached %w", ErrNotInstalled)
	}
	text, err := os.ReadFile(swiftConf)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.Contains(string(text), "\nswift_hash_path_suffix") {
		return fmt.Errorf("a %s with a swift_hash_path_suffix %w", swiftConf, ErrNotInstalled)
	}
	return err
}
