package sqlstore

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSQLiteURI(t *testing.T) {
	normal := defaultSQLiteOptions()
	for _, c := range []struct {
		uri  string
		want sqlitePlace
	}{
		{"sqlite://", sqlitePlace{options: normal}},
		{"sqlite:///", sqlitePlace{options: normal}},
		{"sqlite:///:memory:", sqlitePlace{options: normal}},
		{"sqlite:///marconi.db", sqlitePlace{path: "marconi.db", options: normal}},
		{"SQLite:///marconi.db", sqlitePlace{path: "marconi.db", options: normal}},
		{"sqlite:///data/my queues.db", sqlitePlace{path: "data/my queues.db", options: normal}},
		{"sqlite:////var/lib/marconi.db", sqlitePlace{path: "/var/lib/marconi.db", options: normal}},
		{"sqlite:///100%25#1.db", sqlitePlace{path: "100%25#1.db", options: normal}},
		{"sqlite:///m.db?synchronous=normal", sqlitePlace{"m.db", sqliteOptions{"NORMAL", 4000, 0, true, 0}}},
		{"sqlite:///m.db?busy_timeout=10&mmap=4096&group_commit=off&synchronous=OFF", sqlitePlace{"m.db", sqliteOptions{"OFF", 10, 4096, false, 0}}},
		{"sqlite:///m.db?max_bytes=1000000000000", sqlitePlace{"m.db", sqliteOptions{"FULL", 4000, 0, true, 1e12}}},
	} {
		got, err := parseSQLiteURI(c.uri)
		if err != nil {
			t.Errorf("parseSQLiteURI(%q): %v", c.uri, err)
		} else if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(sqlitePlace{}, sqliteOptions{})); diff != "" {
			t.Errorf("parseSQLiteURI(%q) (-want +got):\n%s", c.uri, diff)
		}
	}
}

func TestParseSQLiteURIRefuses(t *testing.T) {
	for _, c := range []struct{ uri, want string }{
		{"", "sqlite:///relative/path"},
		{"sqlite", "sqlite:///relative/path"},
		{"sqlite:marconi.db", "sqlite:///relative/path"},
		{"sqlite:/marconi.db", "sqlite:///relative/path"},
		{"postgresql:///m.db", "sqlite:///relative/path"},
		{"sqlite://marconi.db", "three slashes"},
		{"sqlite://var/lib/marconi.db", "three slashes"},
		{"sqlite:///file:m.db?mode=ro", "behind the third slash"},
		{"sqlite:///m\x00.db", "zero byte"},
		{"sqlite:///m.db?timeout=5", "busy_timeout, group_commit, max_bytes, mmap, synchronous"},
		{"sqlite:///m.db?synchronous=extra", "want full, normal"},
		{"sqlite:///m.db?synchronous=", "want full, normal"},
		{"sqlite:///m.db?busy_timeout=-1", "milliseconds"},
		{"sqlite:///m.db?busy_timeout=5s", "milliseconds"},
		{"sqlite:///m.db?mmap=1GB", "bytes"},
		{"sqlite:///m.db?group_commit=yes", "on or off"},
		{"sqlite:///m.db?max_bytes=0", "from 1 on"},
		{"sqlite:///m.db?max_bytes=-1", "from 1 on"},
		{"sqlite:///m.db?max_bytes=1G", "number of bytes"},
		{"sqlite:///m.db?mmap=1&mmap=2", "2 times"},
		{"sqlite:///m.db?%zz", "can't be read"},
	} {
		if _, err := parseSQLiteURI(c.uri); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("parseSQLiteURI(%q) = error %v, want one with %q", c.uri, err, c.want)
		}
	}
}

func TestNamespaceIsPartOfTheName(t *testing.T) {
	for _, c := range []struct{ path, namespace, want string }{
		{"data/marconi.db", "index", "data/marconi-index.db"},
		{"marconi", "index", "marconi-index"},
		{"marconi.db", "a/b", "marconi-a%2Fb.db"},
		{"marconi.db", "", "marconi.db"},
		{"", "index", ""},
	} {
		if got := (sqlitePlace{path: c.path}).inNamespace(c.namespace).path; got != c.want {
			t.Errorf("%q in namespace %q is %q, want %q", c.path, c.namespace, got, c.want)
		}
	}
}

// FuzzParseSQLiteURI looks for texts that are taken for another file than they name.
func FuzzParseSQLiteURI(f *testing.F) {
	for _, uri := range []string{
		"sqlite://", "sqlite:///m.db", "sqlite:////tmp/m.db?synchronous=off", "sqlite:///../m.db", "sqlite://host/m.db",
		"sqlite:///a?b?c", "sqlite:///a#b", "sqlite:///%00", "sqlite:///file:x",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		p, err := parseSQLiteURI(uri)
		if err != nil || p.path == "" {
			return
		}
		written, _, _ := strings.Cut(uri, "?")
		if written[len("sqlite:///"):] != p.path {
			t.Errorf("parseSQLiteURI(%q) gives path %q", uri, p.path)
		}
		source := p.source("unused")
		if strings.ContainsAny(source, "?#") || !strings.HasPrefix(source, "file:") {
			t.Errorf("path %q is %q to SQLite, which would read options into it", p.path, source)
		}
		if filepath.IsAbs(p.path) != strings.HasPrefix(source, "file:///") {
			t.Errorf("path %q is %q to SQLite", p.path, source)
		}
	})
}
