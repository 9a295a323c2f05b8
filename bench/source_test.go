package bench_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/plan"
)

// spoken are the files that may name a version of the API, and whether they may ask which one it is.
var spoken = map[string]bool{
	"plan/workloads.go": true,  // the table of workloads: what a version lacks
	"target/target.go":  false, // which package client speaks
	"command/run.go":    false, // the default of a flag
}

// TestNoFlowAsksForTheVersion: flows are the same on every version of the API, whose differences are package client's. A new
// version is one more entry in a table.
func TestNoFlowAsksForTheVersion(t *testing.T) {
	named := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		mayAsk, may := spoken[filepath.ToSlash(name)]
		for _, found := range versionsIn(file) {
			named[filepath.ToSlash(name)] = true
			switch {
			case !may:
				t.Errorf("%s names a version of the API", files.Position(found.at))
			case found.asked && !mayAsk:
				t.Errorf("%s asks which version of the API it is", files.Position(found.at))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range spoken {
		if !named[name] {
			t.Errorf("%s names no version: it needs no exception", name)
		}
	}
}

// A mention is a place where a version is named.
type mention struct {
	at    token.Pos
	asked bool // it is compared with something
}

func versionsIn(file *ast.File) (all []mention) {
	var compared []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			compared = append(compared, n.X, n.Y)
		case *ast.CaseClause:
			for _, e := range n.List {
				compared = append(compared, e)
			}
		case *ast.BasicLit, *ast.SelectorExpr:
			if isVersion(n) {
				all = append(all, mention{n.Pos(), slices.Contains(compared, n)})
			}
		}
		return true
	})
	return all
}

// isVersion reports whether something is a version, as a plan or package client names it.
func isVersion(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		return n.Kind == token.STRING && err == nil && slices.Contains(append(plan.Versions(), "1.0"), strings.TrimPrefix(text, "v"))
	case *ast.SelectorExpr:
		in, is := n.X.(*ast.Ident)
		return is && in.Name == "client" && (n.Sel.Name == "V1" || n.Sel.Name == "V11")
	}
	return false
}

func TestAVersionIsSeen(t *testing.T) {
	for source, want := range map[string]mention{
		`if api == "1.1" {}`:                      {asked: true},
		`switch api { case "v1": }`:               {asked: true},
		`if version != client.V11 {}`:             {asked: true},
		`x := map[string]int{"1": 1}`:             {},
		`strings.HasPrefix(api, "1")`:             {},
		`connect(client.V1)`:                      {},
		`if api == other { println("1.2", 1) }`:   {at: -1},
		`_ = client.Version(api) // not "1.1"`:    {at: -1},
		"_ = `1` + \"1\"; if api == \"1\" {    }": {asked: true},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {\n"+source+"\n}", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found := versionsIn(file)
		asked := slices.ContainsFunc(found, func(m mention) bool { return m.asked })
		if (len(found) > 0) != (want.at == 0) || asked != want.asked {
			t.Errorf("in %q %d versions are seen, asked for %v", source, len(found), asked)
		}
	}
}
