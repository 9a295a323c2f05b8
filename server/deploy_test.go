package server

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/observed"
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
			known[name][m[1]] = append(known[name][m[1]], m[2])
		}
		addPossible(known[name])
	}
	return known
}

// addPossible adds what labels may say where they are there, though a server without trouble has no cause to.
func addPossible(labels map[string][]string) {
	if _, found := labels["status"]; found {
		labels["status"] = append(labels["status"], strconv.Itoa(http.StatusServiceUnavailable))
	}
	if _, found := labels["outcome"]; found {
		for o := range observed.Outcomes {
			labels["outcome"] = append(labels["outcome"], o.String())
		}
	}
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

var matcher = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)

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
