package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/lying"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/target"
	server "github.com/marconi-mq/marconi/server/command"
	"github.com/marconi-mq/marconi/storage/drivers"
)

// mark is in the environment of the test's own program when it is to be marconi-bench, and of all that this starts.
const mark = "MARCONI_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(mark) == "" {
		os.Exit(m.Run())
	}
	os.Exit(Run(context.Background(), Process{
		Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		Server: func(ctx context.Context, args []string) int {
			return server.Run(ctx, drivers.All(), server.Process{Args: args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr})
		},
	}))
}

// short is a plan of a few short runs.
const short = `plan: short
targets: [{name: memory, start: {backend: memory}, api: [1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 2}]
load: {rates: [50], connections: 8, timeout: 2s}
time: {warmup: 50ms, duration: 300ms, drain: 2s, cooldown: 0s, repeats: 3}
`

func planFile(t *testing.T, dir, text string) string {
	t.Helper()
	file := filepath.Join(dir, "my.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAPlanIsRun(t *testing.T) {
	t.Parallel()
	benchtest.Attempts(t, func() (string, bool) {
		if planIsRun(t) == Unfit {
			return "it could not make the load", true
		}
		return "", false
	})
}

func planIsRun(t *testing.T) (status int) {
	t.Helper()
	dir := t.TempDir()
	status, out, said := bench(t, dir, "run", planFile(t, dir, short), "--out", "results")
	if status != Fine && status != Unfit {
		t.Fatalf("exit status %d: %s%s", status, out, said)
	}
	for _, want := range []string{"verdict     3 runs of 1 cells, every message accounted for", "report      results/report.html"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in what came of it:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "\n"); n > 10 {
		t.Errorf("what came of it has %d lines, want at most ten", n)
	}
	for name, text := range map[string]string{"output": out, "error output": said} {
		if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			t.Errorf("the %s has a control character at %d, and goes to no terminal", name, i)
		}
	}
	for _, file := range []string{"report.html", "report.md", "experiment.json", "cells.csv", "results.bench", "log.jsonl", "schema/run-1.0.json"} {
		if _, err := os.Stat(filepath.Join(dir, "results", file)); err != nil {
			t.Error(err)
		}
	}
	sound(t, filepath.Join(dir, "results"))
	return status
}

// strictSchema gives the schema of a kind of file that lies beside results, with no room for fields that it doesn't know.
func strictSchema(t *testing.T, dir, kind string) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "schema", kind+"-1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	schema, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("schema.json", closed(schema)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closed closes all objects of a schema whose fields it names.
func closed(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		for _, of := range s {
			closed(of)
		}
		if _, named := s["properties"].(map[string]any); named && s["type"] == "object" {
			s["additionalProperties"] = false
		}
	case []any:
		for _, of := range s {
			closed(of)
		}
	}
	return schema
}

// Whatever a run writes and says as JSON has the form of a schema that lies beside it, which knows all of its fields: here of one that goes
// wrong, and tells of everything.
func TestAllJSONHasASchema(t *testing.T) {
	dir := t.TempDir()
	s := lying.Start(t, lying.Options{Lie: lying.KeepRefused, Every: 5})
	text := strings.Replace(short, "{name: memory, start: {backend: memory}, api: [1.1]}", fmt.Sprintf("{name: liar, url: %q, api: [1]}, {name: own, start: {backend: memory}, api: [1.1]}, {name: far, start: {backend: memory, pools: 2}, api: [1, 1.1]}", s.URL), 1)
	text = strings.Replace(text, "repeats: 3", "repeats: 1", 1) + "sweep: {low: 50, high: 100, duration: 300ms, targets: [own]}\nskip: [{target: far, api: 1.1, because: it is}]\n"
	status, out, said := bench(t, dir, "run", planFile(t, dir, text), "--out", "results", "--json", "--debug")
	if status != Violated {
		t.Fatalf("exit status %d: %s%s", status, out, said)
	}
	results := filepath.Join(dir, "results")
	seen := map[string]int{}
	check := func(kind, name, text string) {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = strictSchema(t, results, kind).Validate(document)
		}
		if err != nil {
			t.Errorf("%s: %v\n%.300s", name, err, text)
		}
		seen[kind]++
	}
	kinds := map[string]string{
		"run.json": "run", "experiment.json": "experiment", "environment.json": "environment", "plan.effective.json": "plan",
		"violations.jsonl": "violation", "log.jsonl": "log",
	}
	err := filepath.WalkDir(results, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(filepath.Ext(name), ".json") || filepath.Base(filepath.Dir(name)) == "schema" {
			return err
		}
		kind := kinds[entry.Name()]
		if kind == "" {
			t.Errorf("%s has no schema", name)
			return nil
		}
		text, err := os.ReadFile(name)
		if filepath.Ext(name) == ".json" {
			check(kind, name, string(text))
			return err
		}
		for line := range strings.Lines(string(text)) {
			check(kind, name, line)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		check("event", "a line of --json", line)
	}
	for _, kind := range []string{"run", "experiment", "environment", "plan", "violation", "log", "event"} {
		if seen[kind] == 0 {
			t.Errorf("there was no %s to look at", kind)
		}
	}
}

// sound makes sure of the files of results: each JSON has the form of the schema that lies beside it, and each log of a run
// has as many times as were achieved.
func sound(t *testing.T, dir string) {
	t.Helper()
	schemas := map[string]*jsonschema.Schema{}
	for _, kind := range []string{"run", "experiment", "environment"} {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		c.AssertContent()
		s, err := c.Compile(filepath.Join(dir, "schema", kind+"-1.0.json"))
		if err != nil {
			t.Fatal(err)
		}
		schemas[kind+".json"] = s
	}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || schemas[entry.Name()] == nil {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		document, err := jsonschema.UnmarshalJSON(file)
		if err == nil {
			err = schemas[entry.Name()].Validate(document)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &result.Folder{Dir: dir}
	all, err := f.Runs()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		logged(t, filepath.Join(f.RunDir(r.Cell, r.Repeat), "run.hlog"), r)
	}
}

func logged(t *testing.T, file string, r *result.Run) {
	t.Helper()
	log, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	sums, err := measure.ReadLog(log)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range r.Operations {
		if n := sums[name].Count(); n != o.Achieved {
			t.Errorf("%s: %s: %d in the log, %d achieved", file, name, n, o.Achieved)
		}
	}
}

func TestJSONIsToldInLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, out, said := bench(t, dir, "run", planFile(t, dir, short), "--out", "results", "--json")
	if status != Fine && status != Unfit {
		t.Fatalf("exit status %d: %s", status, said)
	}
	kinds := map[experiment.Kind]int{}
	for line := range strings.Lines(out) {
		var e experiment.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[e.Kind]++
		if e.Tick != nil && (e.Tick.P99 != nil || e.Tick.P999 != nil || e.Tick.Lag != nil) {
			t.Errorf("a run of some twenty operations tells percentiles of them: %s", line)
		}
		if e.Calibration != nil && e.Calibration.EchoP99NS != 0 {
			t.Errorf("a hundred echoes tell a p99: %s", line)
		}
	}
	if kinds[experiment.Began] != 1 || kinds[experiment.RunEnded] != 3 || kinds[experiment.Ticked] == 0 || kinds[experiment.Ended] != 1 {
		t.Errorf("it told of %v", kinds)
	}
	if !strings.Contains(said, "verdict ") {
		t.Errorf("the verdict is not in %q", said)
	}
}

func TestQuietTellsOnlyWhatCameOfIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, out, said := bench(t, dir, "run", planFile(t, dir, strings.Replace(short, "repeats: 3", "repeats: 1", 1)), "--quiet")
	if status != Fine && status != Unfit || said != "" || !strings.HasPrefix(out, "verdict ") {
		t.Errorf("exit status %d, %q, %q", status, out, said)
	}
	made, err := filepath.Glob(filepath.Join(dir, "runs", "*-short-*", "report.html"))
	if err != nil || len(made) != 1 {
		t.Errorf("the reports are %v, %v; want one in runs", made, err)
	}
}

// What is wrong with how the program is called is said, and is exit status 1. Nothing is started, and no results are made.
func TestUsageIsToldOff(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--nonsense"}, "unknown flag: --nonsense: see --help"},
		{[]string{"nonsense"}, `unknown command "nonsense"`},
		{[]string{"run"}, "either a plan or --resume FOLDER is wanted"},
		{[]string{"run", "smoke", "--resume", "x"}, "either a plan or --resume FOLDER is wanted"},
		{[]string{"run", "--resume", "x", "--out", "y"}, "none of the others can be"},
		{[]string{"run", "--resume", "."}, "no results of marconi-bench"},
		{[]string{"run", "smokey"}, `there is no file "smokey", and no sample plan of that name: `},
		{[]string{"run", "smoke", "--scale", "huge"}, "--scale: "},
		{[]string{"run", "bad.yaml"}, "bad.yaml:2:"},
		{[]string{"run", "remote.yaml"}, "queue.example.org would be put under load; if it is yours, say --allow-remote queue.example.org"},
		{[]string{"sweep", "work-queu"}, "work-queue"},
		{[]string{"sweep", "work-queue", "--low", "-3"}, "low"},
		{[]string{"sweep", "work-queue", "--url", "http://10.0.0.1:8888"}, "--allow-remote 10.0.0.1"},
		{[]string{"plan"}, "one of --list, --show NAME and --check PLAN is wanted"},
		{[]string{"plan", "--show", "nonsense"}, "smoke"},
		{[]string{"plan", "--check", "bad.yaml"}, "workload"},
		{[]string{"report", "."}, "no results of marconi-bench"},
		{[]string{"schema", "nonsense"}, "there are environment-1.0, event-1.0, experiment-1.0, log-1.0, plan-1.0, run-1.0, violation-1.0"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"bad.yaml":    "plan: bad\nworkload: [{use: work-queue}]\n",
			"remote.yaml": strings.Replace(short, "start: {backend: memory}", `url: "http://queue.example.org"`, 1),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Chdir(dir)
		var out, said bytes.Buffer
		status := Run(t.Context(), Process{Args: c.args, Stdout: &out, Stderr: &said})
		if status != Usage || !strings.Contains(said.String(), c.want) || out.Len() > 0 {
			t.Errorf("%v: exit status %d, %q %q; want 1 and %q", c.args, status, out.String(), said.String(), c.want)
		}
		for line := range strings.Lines(said.String()) {
			if !strings.HasPrefix(line, "marconi-bench: ") {
				t.Errorf("%v: who says %q?", c.args, line)
			}
		}
	}
}

// The commands that start nothing.
func TestCommandsThatOnlyTell(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"version"}, []string{"marconi-bench "}},
		{[]string{"--help"}, []string{"Usage:", "--allow-remote", "doctor", "marconi-bench run backends"}},
		{[]string{"schema"}, []string{"environment-1.0\nevent-1.0\nexperiment-1.0\nlog-1.0\nplan-1.0\nrun-1.0\nviolation-1.0\n"}},
		{[]string{"schema", "run-1.0"}, []string{`"$id": "marconi-bench/run/1.0"`}},
		{[]string{"plan", "--list"}, append(plan.Samples(), "runs")},
		{[]string{"plan", "--show", "smoke"}, []string{"# Does everything work?", "plan: smoke"}},
		{[]string{"plan", "--check", "smoke"}, []string{"cell", "work-queue/memory/v1.1/p1/rate-200", "sweep of 200 400 600 800 1000", "skipped: smoke tries", "cells,", "runs,", "about"}},
		{[]string{"doctor"}, []string{"machine ", "cores", "memory ", "can be started", "sqlite", "echo ", "sleep ", "wakes", "go "}},
	} {
		var out, said bytes.Buffer
		status := Run(t.Context(), Process{Args: c.args, Stdout: &out, Stderr: &said})
		if status != Fine || said.Len() > 0 {
			t.Errorf("%v: exit status %d, %q", c.args, status, said.String())
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: %q is not in\n%s", c.args, want, out.String())
			}
		}
	}
}

// A target that doesn't answer is exit status 2 within five seconds, and what was started for others is ended.
func TestATargetThatIsNotThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir, begun := t.TempDir(), time.Now()
	status, out, said := bench(t, dir, "run", planFile(t, dir, strings.Replace(short, "targets: [", `targets: [{name: first, start: {backend: memory}, api: [1.1]}, {name: gone, url: "http://`+address+`", api: [1.1]}, `, 1)))
	if took := time.Since(begun); status != Unreachable || took > 6*time.Second || !strings.Contains(said, "target gone: target is not reached: http://"+address) {
		t.Errorf("exit status %d after %v: %q %q", status, took, out, said)
	}
}

// What memory had confirmed before its process was killed is lost: exit status 3.
func TestAViolatedLedger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := lying.Deceits()[0]
	liar := lying.Start(t, d.Options())
	status, out, said := bench(t, dir, "run", planFile(t, dir, string(d.Plan(liar.URL, "1.1"))), "--out", "results")
	if status != Violated || !strings.Contains(out, "lost") || strings.Contains(out, "every message accounted for") {
		t.Errorf("exit status %d: %s%s", status, out, said)
	}
	found, err := filepath.Glob(filepath.Join(dir, "results", "*", "*", "*", "*", "*", "*", "violations.jsonl"))
	if len(found)+len(must(filepath.Glob(filepath.Join(dir, "results", "*", "*", "*", "*", "*", "run-1", "violations.jsonl")))) == 0 || err != nil {
		t.Errorf("no violations.jsonl: %v", err)
	}
}

func must(names []string, err error) []string {
	if err != nil {
		panic(err)
	}
	return names
}

// A generator that is held up for a while was not fit: exit status 5.
func TestAnUnfitGenerator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := launch(t, dir, "run", planFile(t, dir, `plan: held-up
targets: [{name: memory, start: {backend: memory}, api: [1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 2}]
load: {rates: [100], connections: 16}
time: {warmup: 0s, duration: 2s, drain: 10s, cooldown: 0s, repeats: 1}
`), "--out", "results")
	awaitMeasuring(t, p)
	for range 4 {
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(250 * time.Millisecond)
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if status := p.wait(t); status != Unfit || !strings.Contains(p.out.String(), "The generator was not fit") {
		t.Errorf("exit status %d: %s%s", status, p.out.String(), p.err.String())
	}
}

// awaitMeasuring waits until a program has a server, and a moment more.
func awaitMeasuring(t *testing.T, p *program) {
	t.Helper()
	for range 1000 {
		if len(p.processes(t)) > 1 {
			time.Sleep(500 * time.Millisecond) // an echo is timed first
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not start a server")
}

// A backend that is not here is told of in the terminal, the results and the report, and is no failure.
func TestABackendThatIsNotHereIsToldOf(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	text := strings.Replace(short, "targets: [", "targets: [{name: far, start: {backend: redis}, api: [1.1]}, ", 1)
	status, out, said := bench(t, dir, "run", planFile(t, dir, text), "--out", "results")
	if status != Fine && status != Unfit {
		t.Fatalf("exit status %d: %s%s", status, out, said)
	}
	const why = "redis-server is not installed"
	for where, text := range map[string]string{"conclusion": out, "lines": said} {
		if !strings.Contains(text, "far, because backend is not there: "+why) {
			t.Errorf("the %s doesn't say why it was not run: %s", where, text)
		}
	}
	e, err := (&result.Folder{Dir: filepath.Join(dir, "results")}).Experiment()
	if err != nil || len(e.Absent) != 1 || e.Absent[0].What != "far" || !strings.Contains(e.Absent[0].Because, why) {
		t.Errorf("the results say %+v, %v", e, err)
	}
	for _, name := range []string{"report.html", "report.md"} {
		page, err := os.ReadFile(filepath.Join(dir, "results", name))
		if err != nil || !strings.Contains(string(page), why) {
			t.Errorf("%s doesn't say it: %v", name, err)
		}
	}
}

// Nor is it if the server can't do what a target asks for: the targets that it can be are run.
func TestPoolsThatAreNotThereAreToldOf(t *testing.T) {
	dir := t.TempDir()
	targets := "targets: ["
	for _, n := range []int{2, 4} {
		targets += fmt.Sprintf("{name: memory-%d, start: {backend: memory, pools: %d}, api: [1, 1.1]}, ", n, n)
	}
	status, out, said := bench(t, dir, "run", planFile(t, dir, strings.Replace(short, "targets: [", targets, 1)), "--out", "results")
	if status != Fine && status != Unfit {
		t.Fatalf("exit status %d: %s%s", status, out, said)
	}
	e, err := (&result.Folder{Dir: filepath.Join(dir, "results")}).Experiment()
	if err != nil || len(e.Cells) != 1 || len(e.Absent) != 2 {
		t.Fatalf("the results have %d cells, and absent are %v: %v", len(e.Cells), e.Absent, err)
	}
	for i, n := range []int{2, 4} {
		want := fmt.Sprintf("memory-%d, because this server can't spread queues over %d pools", n, n)
		if !strings.Contains(out, "not run     "+want) || !strings.Contains(said, "not run: "+want) {
			t.Errorf("the terminal doesn't say %q:\n%s\n%s", want, out, said)
		}
		if got := e.Absent[i].What + ", because " + e.Absent[i].Because; got != want {
			t.Errorf("the results say %q, want %q", got, want)
		}
		for _, name := range []string{"report.html", "report.md"} {
			page, err := os.ReadFile(filepath.Join(dir, "results", name))
			if err != nil || !strings.Contains(html.UnescapeString(string(page)), fmt.Sprintf("can't spread queues over %d pools", n)) {
				t.Errorf("%s doesn't say why %d pools were not run: %v", name, n, err)
			}
		}
	}
}

// No file and no output has the password or the token of a target: of a run that goes well, one whose target dies, and a
// sweep by flags.
func TestSecretsAreKept(t *testing.T) {
	t.Parallel()
	const password, token = "pa55phrase-of-mine", "t0ken-of-mine"
	i, err := target.Start(t.Context(), plan.Target{Start: &plan.Start{Backend: "memory"}}, target.Options{Dir: t.TempDir(), Server: serverOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			if err := i.Stop(); err != nil {
				t.Error(err)
			}
		}
	}
	defer stop()
	url := strings.Replace(i.URL, "http://", "http://me:"+password+"@", 1)
	text := strings.Replace(short, "start: {backend: memory}", fmt.Sprintf("url: %q, auth: {token: %s}", url, token), 1)
	dir := t.TempDir()
	file := planFile(t, dir, text)
	said := []string{}
	note := func(want int, args ...string) {
		t.Helper()
		status, out, err := bench(t, dir, args...)
		if status != want && status != Unfit {
			t.Errorf("%v: exit status %d, want %d: %s", args, status, want, err)
		}
		said = append(said, out, err)
	}
	end := watchFor([]string{password, token}, filepath.Join(dir, "well"))
	note(Fine, "run", file, "--out", "well", "--debug")
	for _, where := range end() {
		t.Errorf("a secret is in %s", where)
	}
	note(Usage, "run", "--resume", "well")
	note(Fine, "run", file, "--out", "well", "--debug", "--json")
	note(Fine, "sweep", "work-queue", "--url", url, "--low", "20", "--high", "40", "--duration", "200ms", "--out", "swept", "--debug")
	p := launch(t, dir, "run", file, "--out", "died", "--debug")
	time.Sleep(600 * time.Millisecond)
	stop()
	if status := p.wait(t); status != Unreachable {
		t.Errorf("of a target that died: exit status %d, want 2: %s", status, p.err.String())
	}
	said = append(said, p.out.String(), p.err.String())
	note(Unreachable, "run", file, "--out", "gone", "--debug")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	searched := 0
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		searched++
		text, err := os.ReadFile(name)
		if bytes.Contains(text, []byte(password)) || bytes.Contains(text, []byte(token)) {
			t.Errorf("%s tells a secret", name)
		}
		return err
	})
	if err != nil || searched < 40 {
		t.Errorf("%d files were searched, %v", searched, err)
	}
	for _, text := range said {
		if strings.Contains(text, password) || strings.Contains(text, token) {
			t.Errorf("the program tells a secret: %s", text)
		}
	}
	if !strings.Contains(said[3], "does not have the plan's secrets") {
		t.Errorf("resumed without its secrets, it says %q", said[3])
	}
}

// serverOf is the command that is a server.
func serverOf(t *testing.T) []string {
	t.Helper()
	return []string{"env", mark + "=server-of-" + filepath.Base(t.TempDir()), os.Args[0], serverCommand}
}

func TestColoursAreUnwelcome(t *testing.T) {
	for environ, want := range map[string]bool{"": true, "NO_COLOR=": true, "NO_COLOR=1": false, "NO_COLORS=1": true} {
		if got := colored([]string{"TERM=xterm", environ}); got != want {
			t.Errorf("with %q colours are welcome: %v, want %v", environ, got, want)
		}
	}
}

// Without arguments everything is tried in less than a minute.
func TestSmoke(t *testing.T) {
	if os.Getenv("MARCONI_TEST_SOAK") != "1" {
		t.Skip("it takes half a minute: only with MARCONI_TEST_SOAK=1")
	}
	dir, begun := t.TempDir(), time.Now()
	status, out, said := bench(t, dir)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	if status != Fine && status != Unfit {
		t.Errorf("exit status %d: %s%s", status, out, said)
	}
	if !strings.Contains(out, "every message accounted for") || !strings.Contains(out, "saturation  ") {
		t.Errorf("it says\n%s", out)
	}
	made, err := filepath.Glob(filepath.Join(dir, "runs", "*-smoke-*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("the results are %v, %v", made, err)
	}
	f := &result.Folder{Dir: made[0]}
	e, err := f.Experiment()
	if err != nil || len(e.Cells) < 13 || len(e.Sweeps) != 1 || e.Partial {
		t.Errorf("%d cells, %d sweeps, partial %v, %v", len(e.Cells), len(e.Sweeps), e.Partial, err)
	}
	for _, file := range []string{"report.html", "report.md", "autobench.tsv"} {
		if info, err := os.Stat(filepath.Join(f.Dir, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	sound(t, f.Dir)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("it left %v beside its results, %v", entries, err)
	}
}

// What was run is reported on, though the program was killed before it came to that.
func TestAReportOfWhatWasKilled(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, dir, "run", planFile(t, dir, strings.Replace(short, "repeats: 3", "repeats: 50", 1)), "--out", "results")
	made := func() int {
		return len(must(filepath.Glob(filepath.Join(dir, "results", "*", "*", "*", "*", "*", "run-*", "run.json")))) +
			len(must(filepath.Glob(filepath.Join(dir, "results", "*", "*", "*", "*", "run-*", "run.json"))))
	}
	for end := time.Now().Add(30 * time.Second); made() < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there are no runs")
		}
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it says that it was killed
	for end := time.Now().Add(5 * time.Second); len(p.processes(t)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("its servers %v are left", p.processes(t))
		}
	}
	if status, out, said := bench(t, dir, "report", "results"); status != Fine {
		t.Fatalf("exit status %d: %s%s", status, out, said)
	}
	page, err := os.ReadFile(filepath.Join(dir, "results", "report.md"))
	if err != nil || !strings.Contains(string(page), "cut short") {
		t.Errorf("the report does not say that it was cut short: %v", err)
	}
}

// What a store loses that promises no better is no violation, but nobody says that nothing was lost.
func TestAStoreThatForgets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, out, said := bench(t, dir, "run", planFile(t, dir, `plan: amnesia
targets: [{name: memory, start: {backend: memory}, api: [1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 1, consuming: {process: 100ms, limit: 1}, faults: [{at: 500ms, do: kill, to: server, for: 10ms}]}]
load: {rates: [100], connections: 16, timeout: 2s}
time: {warmup: 0s, duration: 1s, drain: 20s, cooldown: 0s, repeats: 1}
`), "--out", "results")
	if status != Fine && status != Unfit || !strings.Contains(out, "lost to a kill") {
		t.Errorf("exit status %d: %s%s", status, out, said)
	}
	page, err := os.ReadFile(filepath.Join(dir, "results", "report.md"))
	if text := string(page); err != nil || strings.Contains(text, "No message was lost") || !strings.Contains(text, "does not promise to survive") {
		t.Errorf("the report does not say what was lost: %v", err)
	}
}
