package plan

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write golden files")

// same compares plans and cells by all that they say.
var same = cmp.Options{
	cmp.AllowUnexported(Plan{}, Size{}, part{}, Distribution{}, QueueChoice{}),
	cmpopts.IgnoreFields(Plan{}, "source"),
	cmpopts.EquateEmpty(),
}

const minimal = "plan: p\ntargets: [{start: {backend: memory}}]\nworkloads: [{use: work-queue}]\nload: {rates: [100]}\n"

func mustParse(t testing.TB, text string) *Plan {
	t.Helper()
	p, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return p
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestDefaults: what a plan of four lines says once everything is filled in.
func TestDefaults(t *testing.T) {
	golden(t, "minimal.effective.json", mustParse(t, minimal).Effective())
}

// TestNotations: values that can be written in several ways are the same plan.
func TestNotations(t *testing.T) {
	const head = "plan: p\ntargets: [{name: m, url: 'http://127.0.0.1:1/', api: "
	want := mustParse(t, head+`[1, 1.1], pids: [7]}]
workloads:
  - use: work-queue
    messages: {size: "mix:{0.8: 80B, 0.1: 1.5KiB, 0.1: 300B}"}
load: {rates: [100], arrivals: "burst{size: 10, every: 100ms}"}
time: {duration: 60s}
`)
	for name, text := range map[string]string{
		"mappings": head + `["1.0", "1.1"], pids: [7]}]
workloads: [{use: work-queue, messages: {size: {mix: {0.8: 80B, 0.1: 1536B, 0.1: 300B}}}}]
load: {rates: [100/s], arrivals: {burst: {size: 10, every: 0.1s}}}
time: {duration: 1m}
`,
		"one of a list": head + `[1.0, 1.1], pids: 7}]
workloads: [{use: work-queue, messages: {size: "mix{0.8:80B,0.1:1.5KiB,0.1:300B}"}}]
load: {rates: 100, arrivals: "burst{every:100ms,size:10}"}
`,
		"other order": `load: {arrivals: "burst:{size: 10, every: 100ms}", rates: [1e2]}
workloads: [{messages: {size: "mix:{0.8: 80B, 0.1: 1.5KiB, 0.1: 300B}"}, use: work-queue}]
targets: [{pids: [7], url: "http://127.0.0.1:1", name: m}]
plan: p
`,
	} {
		if diff := cmp.Diff(want, mustParse(t, text), same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if mustParse(t, minimal).Hash() == want.Hash() {
		t.Error("two different plans have the same hash")
	}
}

// TestOwnLoad: a workload's load and time are the plan's but for what it says.
func TestOwnLoad(t *testing.T) {
	p := mustParse(t, `
workloads:
  - {use: work-queue, load: {mode: clients, clients: [1, 2]}, time: {repeats: 3}}
  - {use: audit, load: {timeout: 1s}}
time: {duration: 9s}
load: {rates: [100], connections: 8}
plan: p
targets: [{start: {backend: memory}}]
`)
	queue, audit := p.Workloads[0], p.Workloads[1]
	if l := p.LoadOf(queue); l.Mode != ClosedLoop || l.Rates != nil || !slices.Equal(l.Clients, []int{1, 2}) || l.Connections != 8 {
		t.Errorf("the closed loop's load is %+v", l)
	}
	if tm := p.TimeOf(queue); tm.Repeats != 3 || tm.Duration != 9*second {
		t.Errorf("its time is %+v", tm)
	}
	if l := p.LoadOf(audit); !slices.Equal(l.Rates, []Rate{100}) || l.Timeout != second {
		t.Errorf("the audit's load is %+v", l)
	}
	if tm := p.TimeOf(audit); tm != p.Time || audit.Time != nil {
		t.Errorf("its time is %+v, want the plan's", tm)
	}
}

// TestErrors holds every message about a wrong plan as its user sees it.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans with errors: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(name, data)
			var one *Error
			if p != nil || !errors.As(err, &one) {
				t.Fatalf("Parse(%s) = %v, %v; want an *Error", name, p, err)
			}
			if one.File != name || one.Line < 1 || one.Column < 1 || one.Text == "" || one.Excerpt == "" {
				t.Errorf("the first error is %#v, want its place and an excerpt", one)
			}
			golden(t, filepath.Join("errors", strings.TrimSuffix(name, ".yaml")+".golden"), []byte(err.Error()+"\n"))
		})
	}
}

// TestErrorPlace: line, column, and the key that was meant.
func TestErrorPlace(t *testing.T) {
	for _, test := range []struct {
		text         string
		line, column int
		nearest      string
	}{
		{"plan: p\ntargets: [{start: {backend: memory}}]\nworkloads:\n  - use: work-queue\n    workrs: 3\nload: {rates: [1]}\n", 5, 5, "workers"},
		{strings.Replace(minimal, "rates", "raets", 1), 4, 8, "rates"},
		{strings.Replace(minimal, "work-queue", "worc-queue", 1), 3, 19, "work-queue"},
		{strings.Replace(minimal, "plan: p", "plan: p\nplan: q", 1), 2, 1, ""},
		{minimal + "time: {duration: 250}\n", 5, 18, ""},
		{minimal + "skip: [{target: memry, because: of it}]\n", 5, 17, "memory"},
	} {
		_, err := Parse("x", []byte(test.text))
		var e *Error
		if !errors.As(err, &e) || e.Line != test.line || e.Column != test.column || e.Nearest != test.nearest {
			t.Errorf("Parse(%s) = %v, want it at %d:%d, nearest %q", test.text, err, test.line, test.column, test.nearest)
		}
	}
}

// TestKeysAreFields: what YAML can say is what JSON shows, name by name.
func TestKeysAreFields(t *testing.T) {
	d := &decoder{preset: defaults()}
	for _, test := range []struct {
		of   any
		keys []key
	}{
		{Plan{}, d.planKeys(&Plan{})},
		{Target{}, new(Target).keys(d)},
		{Start{}, new(Start).keys(d)},
		{Auth{}, new(Auth).keys(d)},
		{Workload{}, new(Workload).keys(&Plan{})},
		{Messages{}, new(Messages).keys()},
		{Consuming{}, new(Consuming).keys()},
		{Space{}, new(Space).keys()},
		{Load{}, new(Load).keys()},
		{SLO{}, new(SLO).keys()},
		{Time{}, new(Time).keys()},
		{Sweep{}, new(Sweep).keys()},
		{Fault{}, new(Fault).keys()},
		{Skip{}, new(Skip).keys()},
	} {
		var want, got []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(test.of)) {
			if f.IsExported() {
				tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				want = append(want, tag)
			}
		}
		for _, k := range test.keys {
			got = append(got, k.name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T: fields and keys (-fields +keys):\n%s", test.of, diff)
		}
	}
}

// TestSecrets: no token, password or secret setting gets out of a plan, however it is asked, or into an error about it.
func TestSecrets(t *testing.T) {
	const text = `# my token is tok-1234-abcd
plan: p
targets:
  - {name: one, url: "http://user:pass%2Fword@127.0.0.1:1", auth: {token: tok-1234-abcd}}
  - name: two
    start:
      backend: redis
      config: {"drivers:message_store:redis.uri": "redis://:sesame-open@127.0.0.1/0?password=queryword"}
      settings: {requirepass: sesame-open, appendonly: "yes"}
workloads: [{use: work-queue}]
load: {rates: [100]}
`
	p := mustParse(t, text)
	if p.Targets[0].Auth.Token != "tok-1234-abcd" || p.Targets[1].Start.Backed["requirepass"] != "sesame-open" {
		t.Fatalf("the plan itself lost its secrets: %v", p.Targets)
	}
	cell, err := json.Marshal(p.Matrix())
	if err != nil {
		t.Fatal(err)
	}
	_, wrong := Parse("x", []byte(strings.ReplaceAll(text, "auth: {", "uath: {}, auth: {")))
	if wrong == nil {
		t.Fatal("an unknown key is taken")
	}
	_, unreadable := Parse("x", []byte(strings.ReplaceAll(text, "abcd}}", "abcd}")))
	if unreadable == nil {
		t.Fatal("a lost brace is taken")
	}
	for what, shown := range map[string]string{
		"Effective": string(p.Effective()), "Source": string(p.Source()), "JSON": string(cell),
		"%v":       fmt.Sprintf("%v %+v %v %+v", p.Targets, p.Targets, p.Targets[0].Auth, p.Matrix()[0]),
		"an error": wrong.Error(), "a syntax error": unreadable.Error(),
	} {
		for _, secret := range []string{"tok-1234", "abcd", "pass%2F", "sesame", "queryword"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s shows %q:\n%s", what, secret, shown)
			}
		}
	}
	if !strings.Contains(string(p.Source()), "appendonly") || !strings.HasPrefix(string(p.Source()), "# my token is hidden\nplan: p\n") {
		t.Errorf("the source is not the plan as it was written:\n%s", p.Source())
	}
	again := mustParse(t, string(p.Effective()))
	if again.Targets[0].URL != "http://hidden@127.0.0.1:1" || again.Hash() != p.Hash() {
		t.Errorf("the plan without its secrets is %s", again.Effective())
	}
}

// TestSecretInEscapes: a token that YAML writes in other letters can't be cut out of the source, so that isn't kept.
func TestSecretInEscapes(t *testing.T) {
	p := mustParse(t, strings.Replace(minimal, "{start", `{auth: {token: "s\x65same-open"}, start`, 1))
	if p.Targets[0].Auth.Token != "sesame-open" {
		t.Fatalf("the token is %q", p.Targets[0].Auth.Token)
	}
	if string(p.Source()) != string(p.Effective()) {
		t.Errorf("the source is kept:\n%s", p.Source())
	}
}

// TestHostile: nothing that is typed into a file takes long or brings the program down.
func TestHostile(t *testing.T) {
	for name, text := range map[string]string{
		"deep brackets":  strings.Repeat("[", 100_000),
		"deep braces":    strings.Repeat("{a: ", 50_000),
		"deep dashes":    strings.Repeat("- ", 4000),
		"deep, in lines": strings.Repeat("[\n", 100_000),
		"large":          "plan: " + strings.Repeat("x", maxSource),
		"nul":            "plan: \x00",
		"not UTF-8":      "plan: \xff\xfe",
		"bom":            "\xef\xbb\xbf",
		"many":           "plan: p\nvary: {batch: [" + strings.Repeat("1,", 1000) + "1], limit: [" + strings.Repeat("1,", 1000) + "1]}",
	} {
		start := time.Now()
		if _, err := Parse(name, []byte(text)); err == nil {
			t.Errorf("%s: is taken for a plan", name)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}
