package swift

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// docsPage is what users read about this driver.
func docsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "drivers", "swift.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestTheDocsNameEveryOption wants the page's table to have all options and, where they are numbers, their defaults.
func TestTheDocsNameEveryOption(t *testing.T) {
	defaults := map[string]string{}
	_, table, _ := strings.Cut(docsPage(t), "\n| option | default | |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| *`?([^`|]*?)`? *\\|").FindAllStringSubmatch(table, -1) {
		rows = append(rows, row[1])
		defaults[row[1]] = row[2]
	}
	var names []string
	for _, o := range uriOptions() {
		names = append(names, o.name)
	}
	if !slices.Equal(rows, names) {
		t.Errorf("the page has the options\n%v, the driver\n%v", rows, names)
	}
	s := defaultSettings()
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'g', -1, 64) }
	for name, want := range map[string]string{
		"cache": strconv.Itoa(s.cache), "connections": strconv.Itoa(s.connections), "containers": strconv.Itoa(s.containers),
		"inline_below": strconv.Itoa(s.inline), "lease_settle": strconv.Itoa(int(s.settle.Milliseconds())), "shards": strconv.Itoa(s.shards),
		"listing_horizon": seconds(s.horizon), "request_timeout": seconds(s.timeout), "prefix": s.prefix, "interface": s.endpoint,
		"auth_url": keystoneURL, "project_domain_name": s.projectDomain.name, "user_domain_name": s.userDomain.name,
	} {
		if defaults[name] != want {
			t.Errorf("the page has %s=%s by default, the driver %s", name, defaults[name], want)
		}
	}
}

// TestTheDocsURIsAreURIs reads every URI of the page that has no gap in it.
func TestTheDocsURIsAreURIs(t *testing.T) {
	uris := regexp.MustCompile("swift://[^`' \n|]+").FindAllString(docsPage(t), -1)
	if len(uris) < 6 {
		t.Fatalf("the page has the URIs %q", uris)
	}
	for _, uri := range uris {
		if strings.Contains(uri, "…") || strings.Contains(uri, "=URI") {
			continue
		}
		if _, err := parseURI(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
