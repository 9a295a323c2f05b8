package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// written makes the report of a folder and gives the page.
func written(t *testing.T, dir string) string {
	t.Helper()
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	return contents(t, filepath.Join(dir, "report.html"))
}

func contents(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tooSlow skips what takes minutes under the race detector. The same code runs under it in the tests of single parts.
func tooSlow(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("takes minutes under the race detector; make depth runs it without")
	}
}

func TestReport(t *testing.T) {
	tooSlow(t)
	dir := madeUp(t, parse(t, everything))
	page := written(t, dir)
	t.Run("loads nothing", func(t *testing.T) { loadsNothing(t, page) })
	t.Run("is valid", func(t *testing.T) { isValid(t, page) })
	t.Run("has every chart", func(t *testing.T) { hasEveryChart(t, dir, page) })
	t.Run("charts say what they show", func(t *testing.T) { chartsSpeak(t, dir, page) })
	t.Run("drawings are well formed", func(t *testing.T) { wellFormed(t, dir) })
	t.Run("numbers of the verdict are found", func(t *testing.T) { numbersAreFound(t, dir, page) })
	t.Run("what does not count stands in no chart", func(t *testing.T) { invalidIsOut(t, dir, page) })
	t.Run("labels lie apart", func(t *testing.T) { labelsLieApart(t, dir) })
	t.Run("again the same", func(t *testing.T) { sameAgain(t, dir) })
	t.Run("in a browser", func(t *testing.T) { inBrowser(t, dir, "everything") })
}

func TestReportOfServers(t *testing.T) {
	tooSlow(t)
	dir := realResults(t)
	page := written(t, dir)
	loadsNothing(t, page)
	isValid(t, page)
	chartsSpeak(t, dir, page)
	wellFormed(t, dir)
	numbersAreFound(t, dir, page)
	labelsLieApart(t, dir)
	sameAgain(t, dir)
	inBrowser(t, dir, "servers")
}

// maxPage is how large a page may be.
const maxPage = 3 << 20

var (
	loads   = regexp.MustCompile(`(?i)(?:src|srcset|poster|data|xlink:href)\s*=\s*["'][^"']|<(?:link|iframe|object|embed|base|img)\b|url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\(|sendBeacon|importScripts`)
	webLink = regexp.MustCompile(`href="([a-z]+:[^"]*)"`)
)

func loadsNothing(t *testing.T, page string) {
	if len(page) > maxPage {
		t.Errorf("the page has %d bytes, want at most %d", len(page), maxPage)
	}
	if found := loads.FindString(page); found != "" {
		t.Errorf("the page can load something: %q", found)
	}
	if found := webLink.FindString(page); found != "" {
		t.Errorf("the page leads elsewhere: %s", found)
	}
	if !strings.Contains(page, "default-src &#39;none&#39;") {
		t.Error("the page's policy doesn't forbid loading")
	}
	if !strings.Contains(page, "Permission is hereby granted") {
		t.Error("the license of uPlot is not shown")
	}
}

// sectionOrder is the order of the report, and whether everything has charts there.
var sectionOrder = []struct {
	id     string
	charts []string
}{
	{"validity", nil}, {"saturation", []string{"saturation"}},
	{"latency", []string{"latency-work-queue-rate", "latency-work-queue-sweep", "latency-audit-rate", "latency-failover-rate"}},
	{"percentiles", []string{"percentiles-work-queue"}}, {"messages", []string{"messages-work-queue"}},
	{"time", []string{"time-work-queue-rate-1000", "time-failover-memory-1.1-rate-500"}}, {"heat", []string{"heat-audit"}},
	{"versions", []string{"versions-work-queue"}}, {"cpu", []string{"cpu-work-queue"}}, {"errors", []string{"errors"}},
	{"missing", nil}, {"environment", nil}, {"repeat", nil},
}

func hasEveryChart(t *testing.T, dir, page string) {
	at := strings.Index(page, `id="verdict"`)
	for _, s := range sectionOrder {
		next := strings.Index(page, `<section id="`+s.id+`"`)
		if next < at {
			t.Errorf("section %s stands at %d, want it behind %d", s.id, next, at)
		}
		at = next
		for _, name := range s.charts {
			if !strings.Contains(page, `<figure id="fig-`+name+`">`) {
				t.Errorf("chart %s is not in the page", name)
			}
			for _, ending := range []string{".svg", ".png", ".csv"} {
				if _, err := os.Stat(filepath.Join(dir, "charts", name+ending)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for _, words := range []string{
		"confirmed ", " &#43; unsure appeared ", "violations.jsonl", "no mongod was found", "it is tried where a crash costs something", "&#39;everything &amp; more.yaml&#39;",
		"noisier than the others", "Example CPU &lt;3.0 GHz&gt;", "kill of the server", "the rate was carried again", "By how much longer posts took",
	} {
		if !strings.Contains(page, words) {
			t.Errorf("the page doesn't say %q", words)
		}
	}
}

var figureForm = regexp.MustCompile(`(?s)<figure id="fig-([^"]+)">(.*?)</figure>`)

func chartsSpeak(t *testing.T, dir, page string) {
	figures := figureForm.FindAllStringSubmatch(page, -1)
	if len(figures) == 0 {
		t.Fatal("the page has no figures")
	}
	for _, f := range figures {
		name, body := f[1], f[2]
		for _, want := range []string{
			`role="img" aria-labelledby="fig-` + name + `-t fig-` + name + `-d"`, `<title id="fig-` + name + `-t">`, `<desc id="fig-` + name + `-d">`,
			"<details>", "<td", `href="charts/` + name + `.csv"`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("figure %s has no %s", name, want)
			}
		}
		if colour := svgColour.FindString(body); colour != "" {
			t.Errorf("figure %s has a colour of its own, %s, that no style sheet changes", name, colour)
		}
		if rows, err := csv.NewReader(strings.NewReader(contents(t, filepath.Join(dir, "charts", name+".csv")))).ReadAll(); err != nil || len(rows) < 2 {
			t.Errorf("%s.csv has %d rows, %v", name, len(rows), err)
		}
	}
}

func wellFormed(t *testing.T, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "charts", "*.svg"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text := contents(t, name)
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%s has something that is no number", filepath.Base(name))
		}
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
				break
			}
		}
	}
}

var (
	dataForm = regexp.MustCompile(`<data value="([^"]*)" data-from="([^"]*)">([^<]*)</data>`)
	numeral  = regexp.MustCompile(`\d+(?:[.\x{a0}]\d+)*`)
)

// numbersAreFound looks every number of the verdict up in experiment.json: those that were measured by their pointers, those
// in words, as in names and reasons, as they stand.
func numbersAreFound(t *testing.T, dir, page string) {
	source := contents(t, filepath.Join(dir, "experiment.json"))
	var tree any
	if err := json.Unmarshal([]byte(source), &tree); err != nil {
		t.Fatal(err)
	}
	head := page[strings.Index(page, "<h1>"):strings.Index(page, "</ul>\n<")]
	if strings.Contains(source, "2014-08-18T10-00-00Z") && !dataForm.MatchString(head) {
		t.Error("the verdict has no numbers")
	}
	for _, d := range dataForm.FindAllStringSubmatch(head, -1) {
		value, err := strconv.ParseFloat(d[1], 64)
		if found := lookUp(tree, d[2]); err != nil || found != value {
			t.Errorf("%s is %v in experiment.json, and %s in the verdict", d[2], found, d[1])
		}
		if shown := html.UnescapeString(d[3]); shown != duration(value) && shown != perSecond(value) {
			t.Errorf("%s is shown as %s", d[1], shown)
		}
	}
	words := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(dataForm.ReplaceAllString(head, ""), " ")
	for _, n := range numeral.FindAllString(strings.NewReplacer("v1.0", "", "p99", "").Replace(words), -1) {
		if !strings.Contains(source, strings.ReplaceAll(n, blank, "")) {
			t.Errorf("the verdict says %s, which experiment.json doesn't", n)
		}
	}
	text := contents(t, filepath.Join(dir, "report.md"))
	for _, li := range regexp.MustCompile(`(?s)<li>(.*?)</li>`).FindAllStringSubmatch(head, -1) {
		plain := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(li[1], ""))
		if !strings.Contains(text, "- "+escape(plain)+"\n") {
			t.Errorf("report.md doesn't say %q", plain)
		}
	}
}

// lookUp follows a JSON pointer.
func lookUp(tree any, pointer string) any {
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch at := tree.(type) {
		case map[string]any:
			tree = at[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(at) {
				return nil
			}
			tree = at[i]
		default:
			return nil
		}
	}
	return tree
}

func invalidIsOut(t *testing.T, dir, page string) {
	for _, f := range figureForm.FindAllStringSubmatch(page, -1) {
		if name := f[1]; strings.Contains(name, "audit") {
			rows, err := csv.NewReader(strings.NewReader(contents(t, filepath.Join(dir, "charts", name+".csv")))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows[1:] {
				line := strings.Join(r, ",")
				if strings.HasPrefix(line, "sqlite · v1.0,") && (r[1] == perSecond(1000) || r[1] == "1000") || strings.HasPrefix(line, "memory · v1.0,") && (r[1] == perSecond(4000) || r[1] == "4000") {
					t.Errorf("%s has %s", name, line)
				}
			}
			if strings.Contains(page, "percentiles-audit") && !strings.Contains(f[2], "Not drawn: ") && !strings.HasPrefix(name, "versions") {
				t.Errorf("%s doesn't say what is not drawn", name)
			}
		}
	}
	if !strings.Contains(page, `<span class="pill bad">violated</span>`) {
		t.Error("the table at the top doesn't show the violation")
	}
	if !strings.Contains(contents(t, filepath.Join(dir, "charts", "latency-work-queue-rate.csv")), ",saturated") {
		t.Error("the saturated level is not named in the numbers")
	}
}

// sameAgain makes the report anew, over the old one and in a folder that has none.
func sameAgain(t *testing.T, dir string) {
	before := reportFiles(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "charts", "of-an-earlier-report.svg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	after := reportFiles(t, dir)
	for name, text := range before {
		if !bytes.Equal(after[name], text) {
			t.Errorf("%s is another one when it is made again", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("there are %d files, and %d when they are made again", len(before), len(after))
	}
}

// reportFiles are those of a report.
func reportFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"report.*", "charts/*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			all[name] = []byte(contents(t, name))
		}
	}
	return all
}

// TestNothingWasRun makes a report of an experiment that was cut short at once.
func TestNothingWasRun(t *testing.T) {
	p := parse(t, "plan: none\ntargets: [{name: memory, start: {backend: memory}, api: [1.1]}]\nworkloads: [{use: work-queue}]\nload: {rates: [10]}\n")
	f, err := result.Create(t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteEnvironment(result.Environment{}); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteExperiment(&result.Experiment{Schema: result.ExperimentSchema, Plan: "none", Partial: true}, nil); err != nil {
		t.Fatal(err)
	}
	page := written(t, f.Dir)
	for _, words := range []string{"Nothing was run.", "cut short", "No sweep in this plan.", "run --resume goes on"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page doesn't say %q", words)
		}
	}
}

// TestSweepsWithoutFigures has sweeps of which no level counts, and one that was cut short before its first.
func TestSweepsWithoutFigures(t *testing.T) {
	p := parse(t, "plan: unfit\ntargets: [{name: memory, start: {backend: memory}, api: [1.1]}]\nworkloads: [{use: work-queue}]\nload: {rates: [50]}\ntime: {warmup: 1s, duration: 2s, repeats: 1}\n")
	dir := madeUp(t, p)
	f, err := result.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.Experiment()
	if err != nil {
		t.Fatal(err)
	}
	runs, err := f.Runs()
	if err != nil {
		t.Fatal(err)
	}
	e.Cells[0].Status = result.InvalidGenerator
	level := result.SweepLevel{Rate: 50, Cell: e.Cells[0].Cell}
	e.Sweeps = []result.Sweep{
		{Cell: "work-queue/memory/v1.1/p1", Target: "memory", Workload: "work-queue", API: "1.1", Levels: []result.SweepLevel{level}},
		{Cell: "work-queue/other/v1.1/p1", Target: "other", Workload: "work-queue", API: "1.1"},
	}
	if err := f.WriteExperiment(e, runs); err != nil {
		t.Fatal(err)
	}
	page := written(t, dir)
	for _, words := range []string{"no level of the sweep was carried", "none carried", "generator unfit"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page doesn't say %q", words)
		}
	}
	labelsLieApart(t, dir)
}

func TestNoResults(t *testing.T) {
	if err := Write(t.TempDir()); !errors.Is(err, result.ErrNoResults) {
		t.Errorf("Write of an empty folder = %v, want %v", err, result.ErrNoResults)
	}
}

// TestNoSecrets has secrets in the plan, and looks for them in all files.
func TestNoSecrets(t *testing.T) {
	const token, password = "tok-7f3a9c", "pa55-of-the-store"
	p := parse(t, `plan: secrets
targets:
  - {name: memory, start: {backend: memory, config: {"drivers.uri": "redis://me:`+password+`@127.0.0.1/0"}}, api: [1.1], auth: {token: `+token+`}}
workloads: [{use: work-queue}]
load: {rates: [50]}
time: {warmup: 1s, duration: 2s, repeats: 1}
`)
	dir := madeUp(t, p)
	written(t, dir)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text := contents(t, name)
		for _, secret := range []string{token, password} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %s in it", name, secret)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStandardPlan makes the report of an hour of runs: it takes five seconds of a quiet machine at most.
func TestStandardPlan(t *testing.T) {
	if os.Getenv("MARCONI_TEST_SOAK") != "1" {
		t.Skip("the report of the standard plan takes a minute to make up: MARCONI_TEST_SOAK=1")
	}
	p, err := plan.Sample("standard")
	if err != nil {
		t.Fatal(err)
	}
	dir := madeUp(t, p)
	took := time.Hour
	for range 3 { // the best of some: others use the machine, too
		begun := time.Now()
		page := written(t, dir)
		took = min(took, time.Since(begun))
		loadsNothing(t, page)
	}
	t.Logf("made in %v", took)
	if took > 5*time.Second {
		t.Errorf("the report took %v, want at most 5s", took)
	}
}

func TestOrderIsThatOfThePlansPaths(t *testing.T) {
	var s study
	for _, name := range []string{"b", "a", "b"} {
		s.know(plan.Cell{Workload: plan.Workload{Name: name}})
	}
	if want := []string{"a", "b"}; !slices.Equal(s.workloads, want) {
		t.Errorf("workloads are %v, want %v", s.workloads, want)
	}
}
