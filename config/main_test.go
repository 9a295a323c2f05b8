package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs from what is written now; -update writes it (-file +now):\n%s", path, diff)
	}
}

// file writes a file into a folder of the test's own and returns its path.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadText loads one file, in whose messages the path is left out.
func loadText(t testing.TB, content string) (*Config, []string, []string) {
	t.Helper()
	path := file(t, "zaqar.conf", content)
	c, warnings, err := Load(Sources{Files: []string{path}})
	return c, warningTexts(warnings, filepath.Dir(path)), errorTexts(err, filepath.Dir(path))
}

// mustLoad loads what has to load.
func mustLoad(t testing.TB, s Sources) *Config {
	t.Helper()
	c, _, err := Load(s)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func warningTexts(warnings []Warning, dir string) []string {
	var texts []string
	for _, w := range warnings {
		texts = append(texts, strings.ReplaceAll(w.String(), dir+"/", ""))
	}
	return texts
}

// errorTexts takes joined errors apart.
func errorTexts(err error, dir string) []string {
	var texts []string
	for _, e := range allErrors(err) {
		texts = append(texts, strings.ReplaceAll(e.Error(), dir+"/", ""))
	}
	return texts
}

func allErrors(err error) []*Error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		var e *Error
		if errors.As(err, &e) {
			return []*Error{e}
		}
		return nil
	}
	var all []*Error
	for _, e := range joined.Unwrap() {
		all = append(all, allErrors(e)...)
	}
	return all
}

// textOf is the value of an option, as a file has it.
func textOf(c *Config, group, name string) string {
	return newIndex(c.groups()).options[key{group, name}].value.text()
}

// sameTexts compares messages, in order.
func sameTexts(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
