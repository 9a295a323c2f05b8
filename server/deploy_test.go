package server

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage"
)

const deploy = "../docs/deploy"

func readDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every figure and label that the dashboard and the rules ask for is one that a server gives.
func TestDashboardAndRulesAskForRealFigures(t *testing.T) {
	known := knownFigures(t)
	for file, expressions := range map[string][]string{
		"marconi-dashboard.json": dashboardExpressions(t),
		"marconi-alerts.yml":     ruleExpressions(t),
	} {
		if len(expressions) < 10 {
			t.Errorf("%s has only %d expressions", file, len(expressions))
		}
		for _, e := range expressions {
			checkExpression(t, file, e, known)
		}
	}
}

// The check has teeth.
func TestWrongExpressionsAreFound(t *testing.T) {
	known := map[string]map[string][]string{"marconi_a_total": {"status": {"200"}}}
	for expression, want := range map[string]int{
		`sum by (status, instance) (rate(marconi_a_total{status=~"5..", instance="x"}[5m]))`: 0,
		`rate(marconi_b_total[5m])`:                      1,
		`rate(marconi_a_total{state="x"}[5m])`:           1,
		`rate(marconi_a_total{status="201"}[5m])`:        1,
		`sum by (state) (rate(marconi_a_total[5m]))`:     1,
		`go_missing{status="200"} + process_gone`:        2,
		`up{job="marconi"} == 0`:                         0,
		`label_values(marconi_a_total, instance)`:        0,
		`histogram_quantile(0.9, sum by (le) (no_such))`: 0, // another's
	} {
		if got := wrongIn(expression, known); len(got) != want {
			t.Errorf("%s: found %q, want %d faults", expression, got, want)
		}
	}
}

// knownFigures are the names of all figures, and the labels of each with their values, of a server that has been used.
func knownFigures(t *testing.T) map[string]map[string][]string {
	t.Helper()
	cert, key := writeCertificate(t, "localhost")
	uri := "sqlite:///" + filepath.Join(t.TempDir(), "marconi.db")
	s := serve(t, configured(func(c *config.Config) { c.Marconi.TLSCert, c.Marconi.TLSKey = cert, key }),
		func(o *Options) { o.DataURI, o.ControlURI = uri, uri })
	c := s.dialTLS()
	for _, request := range [][3]string{
		{"POST", messages, onePost}, {"GET", messages, ""}, {"POST", "/v1.1/queues/q/claims", ""},
		{"GET", messages + "/nothing", ""}, {"DELETE", messages + "?pop=1", ""}, {"DELETE", "/v1.1/queues/q", ""},
	} {
		c.do(request[0], request[1], request[2])
	}
	opened, err := s.server.stores.Open(t.Context(), uri, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Data.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string][]string{}
	s.scrape()
	for figure := range s.scrape() {
		name, labels, _ := strings.Cut(figure, "{")
		if known[name] == nil {
			known[name] = map[string][]string{}
		}
		for _, m := range matcher.FindAllStringSubmatch(labels, -1) {
			known[name][m[1]] = append(known[name][m[1]], m[3])
		}
	}
	return known
}

func dashboardExpressions(t *testing.T) []string {
	t.Helper()
	var board any
	if err := json.Unmarshal([]byte(readDeploy(t, "marconi-dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	var found []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for name, item := range v {
				if text, is := item.(string); is && (name == "expr" || name == "query" && strings.Contains(text, "(")) {
					found = append(found, text)
				}
				walk(item)
			}
		}
	}
	walk(board)
	return found
}

var ruleLine = regexp.MustCompile(`(?m)^ +expr: (.+)$`)

func ruleExpressions(t *testing.T) []string {
	t.Helper()
	text := readDeploy(t, "marconi-alerts.yml")
	var found []string
	for _, m := range ruleLine.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	if n := strings.Count(text, "alert:"); n != len(found) {
		t.Errorf("there are %d rules, and %d expressions of one line", n, len(found))
	}
	return found
}

func checkExpression(t *testing.T, file, expression string, known map[string]map[string][]string) {
	t.Helper()
	for _, wrong := range wrongIn(expression, known) {
		t.Errorf("%s: %s, in %s", file, wrong, expression)
	}
}

var (
	selector = regexp.MustCompile(`\b((?:marconi|go|process)_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!=|=)"([^"]*)"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
)

// given are the labels that Prometheus adds.
var given = []string{"instance", "job"}

// wrongIn lists what an expression asks for and nobody gives.
func wrongIn(expression string, known map[string]map[string][]string) []string {
	var wrong []string
	labels := slices.Clone(given)
	for _, m := range selector.FindAllStringSubmatch(expression, -1) {
		has, found := known[m[1]]
		if !found {
			wrong = append(wrong, "there is no figure "+m[1])
			continue
		}
		labels = slices.AppendSeq(labels, maps.Keys(has))
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			switch values, found := has[l[1]]; {
			case slices.Contains(given, l[1]):
			case !found:
				wrong = append(wrong, m[1]+" has no label "+l[1])
			case l[2] == "=" && !slices.Contains(values, l[3]):
				wrong = append(wrong, m[1]+" has no "+l[0])
			}
		}
	}
	if len(labels) == len(given) {
		return wrong // none of our figures
	}
	for _, m := range grouping.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(labels, label) {
				wrong = append(wrong, "nothing has the label "+label)
			}
		}
	}
	return wrong
}

// The sample configuration is read without a warning, and has what the unit provides for.
func TestSampleConfiguration(t *testing.T) {
	c, warnings, err := config.Load(config.Sources{Files: []string{filepath.Join(deploy, "marconi.conf")}})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load: %v, warnings %v", err, warnings)
	}
	if err := c.Unsupported(); err != nil {
		t.Error(err)
	}
	unit := readDeploy(t, "marconi-server.service")
	for _, line := range []string{"Type=notify", "StateDirectory=marconi", "ExecReload=/bin/kill -HUP $MAINPID", "--config-file /etc/marconi/marconi.conf"} {
		if !strings.Contains(unit, line) {
			t.Errorf("the unit has no %s", line)
		}
	}
	data, _, err := c.Stores([]string{"sqlite"})
	if err != nil || !strings.HasPrefix(data, "sqlite:////var/lib/marconi/") {
		t.Errorf("the store is %s, %v; want a file in the state's folder", data, err)
	}
	// Values that are set to what they are anyway are so still.
	byDefault := config.Default().Marconi
	if c.Marconi.MaxConnections != byDefault.MaxConnections || c.Marconi.MaxRequests != byDefault.MaxRequests || c.Marconi.MaxBodyBytesInFlight != byDefault.MaxBodyBytesInFlight {
		t.Errorf("the sample's limits are %+v, the defaults %+v", c.Marconi, byDefault)
	}
}
