package marconi_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/marconi-mq/marconi"

// arrows say which packages of this module a package may import, and which from elsewhere beside the standard library.
// A name ending in /... stands for all below it. What no row names is not there.
var arrows = []struct {
	from      string
	inside    []string
	elsewhere []string
}{
	{from: ""},

	{from: "internal/seqid"},
	{from: "internal/pyjson"},
	{from: "internal/wake"},
	{from: "internal/door"},
	{from: "internal/pause"},
	{from: "internal/recent"},
	{from: "internal/latedeadline"},
	{from: "internal/spelling"},
	{from: "internal/faultproxy"},
	{from: "internal/testservices"},
	{from: "internal/testserver", inside: []string{"config", "server"}},
	{from: "internal/apiscript", elsewhere: []string{"github.com/rogpeppe/go-internal/..."}},

	{from: "broker", inside: []string{"", "internal/latedeadline", "internal/pyjson", "internal/wake"}, elsewhere: []string{"github.com/google/uuid"}},

	{from: "storage", inside: []string{""}},
	{from: "storage/storagetest", inside: []string{"", "storage"},
		elsewhere: []string{"pgregory.net/rapid", "github.com/google/go-cmp/...", "github.com/anishathalye/porcupine"}},
	{from: "storage/observed", inside: []string{""}},
	{from: "storage/memory", inside: []string{"", "storage", "internal/door", "internal/seqid", "internal/wake"}},
	{from: "storage/sqlstore", inside: []string{"", "storage", "internal/door", "internal/pause", "internal/seqid", "internal/wake"},
		elsewhere: []string{"modernc.org/sqlite/...", "github.com/pressly/goose/v3/..."}},
	{from: "storage/redis", inside: []string{"", "storage", "internal/door", "internal/pause", "internal/seqid", "internal/wake"},
		elsewhere: []string{"github.com/redis/rueidis/..."}},
	{from: "storage/swift", inside: []string{"", "storage", "internal/door", "internal/pause", "internal/recent", "internal/spelling",
		"storage/swift/indexed", "storage/swift/objects", "storage/swift/pure"}},
	{from: "storage/swift/objects", elsewhere: []string{"github.com/ncw/swift/v2"}},
	{from: "storage/swift/indexed", inside: []string{"", "storage", "internal/door", "internal/pause", "storage/swift/objects"}},
	{from: "storage/swift/pure", inside: []string{"", "internal/door", "internal/pause", "internal/recent", "internal/wake", "storage/swift/objects"}},
	{from: "storage/swift/swifttest", inside: []string{"storage/swift/objects"}},
	{from: "storage/importer", inside: []string{"", "storage"}},
	{from: "storage/redis/upstream", inside: []string{"", "storage", "storage/importer", "storage/redis"}},
	{from: "storage/redis/upstream/upstreamtest"},
	{from: "storage/drivers", inside: []string{
		"storage", "storage/importer", "storage/memory", "storage/redis", "storage/redis/upstream", "storage/sqlstore", "storage/swift"}},

	{from: "transport/dialect", inside: []string{"", "broker"}, elsewhere: []string{"github.com/go-json-experiment/json/..."}},
	{from: "transport/rest", inside: []string{"", "broker", "transport/dialect"}},

	{from: "config", inside: []string{"", "internal/spelling"}},
	{from: "client"},
	{from: "ledger"},
	{from: "ledger/linear", inside: []string{"ledger"}, elsewhere: []string{"github.com/anishathalye/porcupine"}},
	{from: "server/command", inside: []string{"", "config", "server", "storage", "storage/importer"}, elsewhere: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}},
	{from: "server/metrics", inside: []string{"storage/observed"}, elsewhere: []string{"github.com/prometheus/client_golang/..."}},
	{from: "server", inside: []string{"", "broker", "config", "server/metrics", "storage", "storage/observed", "transport/dialect", "transport/rest"}},
	{from: "faults"},
	{from: "bench"},
	{from: "bench/plan", elsewhere: []string{"github.com/goccy/go-yaml/..."}},
	{from: "bench/schedule", inside: []string{"bench/plan", "ledger"}, elsewhere: []string{"golang.org/x/sys/unix"}},
	{from: "bench/measure", inside: []string{"client"},
		elsewhere: []string{"github.com/HdrHistogram/hdrhistogram-go", "github.com/shirou/gopsutil/v4/..."}},
	{from: "bench/stats", elsewhere: []string{"golang.org/x/perf/benchmath", "gonum.org/v1/gonum/stat"}},
	{from: "bench/cores", elsewhere: []string{"golang.org/x/sys/unix"}},
	{from: "bench/wire", elsewhere: []string{"golang.org/x/sys/unix"}},
	{from: "bench/target", inside: []string{"bench/cores", "bench/measure", "bench/plan", "bench/wire", "client"}},
	{from: "bench/result", inside: []string{"bench/measure", "bench/plan", "ledger"}},
	{from: "bench/flow", inside: []string{"bench/measure", "bench/plan", "bench/result", "bench/schedule", "bench/stats", "client", "ledger"},
		elsewhere: []string{"github.com/google/uuid"}},
	{from: "bench/benchtest", inside: []string{"bench/cores", "server/command", "storage/drivers"}},
	{from: "bench/lying", inside: []string{"", "config", "ledger", "server", "storage", "storage/memory"}},
	{from: "bench/experiment", inside: []string{"bench/cores", "bench/flow", "bench/measure", "bench/plan", "bench/result", "bench/schedule", "bench/stats",
		"bench/target", "ledger"}},
	{from: "bench/words"},
	{from: "bench/report", inside: []string{"bench/measure", "bench/plan", "bench/result", "bench/words"}, elsewhere: []string{"golang.org/x/image/font", "gonum.org/v1/plot/..."}},
	{from: "bench/screen", inside: []string{"bench/experiment", "bench/result", "bench/words"}, elsewhere: []string{"github.com/vbauerster/mpb/v8/..."}},
	{from: "bench/command", inside: []string{"bench/experiment", "bench/plan", "bench/report", "bench/result", "bench/screen", "bench/target", "bench/words"},
		elsewhere: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/term"}},
	{from: "cmd/marconi-bench", inside: []string{"bench/command", "server/command", "storage/drivers"}},
	{from: "cmd/marconi-server", inside: []string{"server/command", "storage/drivers"}},
}

// common are the libraries that several packages may import: a small type, the form of both programs' command lines, and the
// calls of the system that the standard library leaves out.
var common = []string{"github.com/google/uuid", "golang.org/x/sys/unix", "github.com/spf13/cobra", "github.com/spf13/pflag"}

// TestArrows reads the imports of the tree: they point one way, and each library is imported by one package.
func TestArrows(t *testing.T) {
	users := map[string][]string{}
	for dir, imports := range importsOfTree(t) {
		row := slices.IndexFunc(arrows, func(a struct {
			from      string
			inside    []string
			elsewhere []string
		}) bool {
			return a.from == dir
		})
		if row < 0 {
			t.Errorf("package %q has no row in the table of arrows", dir)
			continue
		}
		for _, imported := range imports {
			inside, own := strings.CutPrefix(imported, module)
			inside = strings.TrimPrefix(inside, "/")
			switch {
			case own && !allowed(arrows[row].inside, inside):
				t.Errorf("%q imports %q of this module, which its row does not allow", dir, inside)
			case !own && !allowed(arrows[row].elsewhere, imported):
				t.Errorf("%q imports %q, which its row does not allow", dir, imported)
			}
			if !own && dir != "storage/storagetest" && !slices.Contains(users[imported], dir) { // which is a test
				users[imported] = append(users[imported], dir)
			}
		}
	}
	for library, packages := range users {
		if len(packages) > 1 && !slices.Contains(common, library) {
			t.Errorf("%s is imported by %v: a library belongs to one package", library, packages)
		}
	}
}

func allowed(list []string, imported string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		below, all := strings.CutSuffix(entry, "/...")
		return imported == entry || all && (imported == below || strings.HasPrefix(imported, below+"/"))
	})
}

// importsOfTree gives what the non-test files of each package import beside the standard library, by its folder.
func importsOfTree(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(path.Dir(filepath.ToSlash(name)), ".")
		imports[dir] = append(imports[dir], nil...)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				imports[dir] = append(imports[dir], imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

// skipFolder leaves out what is no package of this module.
func skipFolder(name string) error {
	base := filepath.Base(name)
	if name != "." && (strings.HasPrefix(base, ".") || base == "testdata") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
		return fs.SkipDir
	}
	return nil
}
