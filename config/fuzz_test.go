package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is in a file, loading it ends: with errors that each name a line, or with a configuration that can be
// printed and loaded again.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"icehouse.conf", "newton.conf", "default.conf", "newton.printed.conf"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	f.Add("[DEFAULT]\nlog_file = $log_dir\nlog_dir = ${log_file}\\$$$\n default_log_levels: a,\n ,b\n")
	f.Add("[notification]\nsubscription_confirmation_email_template = a:'b,c',\"d\":e\n  f\n")
	f.Add("[oslo_policy]\npolicy_dirs = $policy_file\npolicy_dirs=\n[drivers:storage:sqlite]\nuri=sqlite:$$\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(dir, "f.conf")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, warnings, err := Load(Sources{Files: []string{path}})
		for _, w := range warnings {
			if w.At.Source != path || w.At.Line < 1 || w.Text == "" {
				t.Errorf("warning %q is not at a line", w)
			}
		}
		for _, e := range allErrors(err) {
			if e.At.Source != path || e.At.Line < 1 || e.Text == "" || strings.Contains(e.Error(), "\n") {
				t.Errorf("error %q is not at a line", e)
			}
		}
		if (c == nil) != (err != nil) {
			t.Fatalf("Load gives %v and %v", c, err)
		}
		if c != nil {
			_, _, _ = c.Stores([]string{"memory", "sqlite"})
			_ = c.Unsupported()
			checkRoundTrip(t, c)
		}
	})
}
