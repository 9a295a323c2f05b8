package marconi_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/internal/apiscript"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage/drivers"
)

const scriptFolder = "testdata/script"

// A scriptStore is a store that every script is run over which needs nothing that the store lacks.
type scriptStore struct {
	name  string
	uri   func(folder string) string
	lacks []string // promises that it does not make
}

// scriptStores are those that need no server, and those whose server is at hand. Nothing here is about crashes, so that SQLite
// need not wait for the disk.
func scriptStores(t *testing.T) []scriptStore {
	t.Helper()
	stores := []scriptStore{
		{name: "memory", uri: func(string) string { return "memory://" }},
		{name: "sqlite", uri: scriptFile},
	}
	return slices.Concat(stores, redisScriptStores(t), swiftScriptStores(t))
}

// scriptFile is an SQLite file in a folder.
func scriptFile(folder string) string {
	return "sqlite:///" + filepath.ToSlash(filepath.Join(folder, "marconi.db")) + "?synchronous=OFF"
}

// scriptPrefix keeps what a script leaves in a server apart from what others do.
func scriptPrefix(folder string) string {
	return fmt.Sprintf("&prefix=%x", sha256.Sum224([]byte(folder)))
}

func redisScriptStores(t *testing.T) []scriptStore {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Run("redis", func(t *testing.T) { skipService(t, "redis-server is not installed") })
		return nil
	}
	redis := testservices.StartRedis(t)
	return []scriptStore{{name: "redis", uri: func(folder string) string {
		return "redis://" + redis.Address + "?dbid=0" + scriptPrefix(folder)
	}}}
}

// swiftScriptStores are Swift with an index, where every body is in Swift, and Swift alone.
func swiftScriptStores(t *testing.T) []scriptStore {
	t.Helper()
	swift, err := testservices.RunSwift(t.TempDir(), testservices.SwiftOptions{})
	if err != nil {
		t.Run("swift", func(t *testing.T) { testservices.Require(t, err) })
		return nil
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Swift:\n%s", swift.Log())
		}
		swift.Close()
	})
	return []scriptStore{
		{name: "swift+index", uri: func(folder string) string {
			return swift.StorageURI + "&containers=1&inline_below=0&index=" + url.QueryEscape(scriptFile(folder)) + scriptPrefix(folder)
		}},
		{name: "swift", uri: func(folder string) string { return swift.StorageURI + "&index=none" + scriptPrefix(folder) },
			lacks: []string{"fifo", "exact-claims"}},
	}
}

// TestScripts runs the API's scripts (see [apiscript]): each for every version it names and over every store that has what it
// needs, against a server of its own on a real socket.
func TestScripts(t *testing.T) {
	stores := scriptStores(t)
	for _, script := range loadScripts(t) {
		for _, version := range script.Versions {
			for _, store := range stores {
				name := strings.TrimSuffix(script.Name, ".txtar") + "/" + version + "/" + store.name
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					store.wantAll(t, script.Needs)
					target := startScripted(t, script.Options, store.uri(t.TempDir()))
					target.Version = version
					if err := script.Run(t.Context(), target); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// wantAll skips a script that needs what the store does not promise.
func (s scriptStore) wantAll(t *testing.T, needs []string) {
	t.Helper()
	for _, need := range needs {
		if slices.Contains(s.lacks, need) {
			t.Skipf("%s does not promise %s", s.name, need)
		}
	}
}

// TestScriptRows holds that every row of the list of required tests is covered by a script, or said to come later.
func TestScriptRows(t *testing.T) {
	rows, err := apiscript.ParseRows(readScriptFile(t, "rows.txt"))
	if err != nil {
		t.Fatal(err)
	}
	later, err := apiscript.ParseLater(readScriptFile(t, "later.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range rows.Coverage(loadScripts(t), later) {
		t.Error(wrong)
	}
}

func loadScripts(t *testing.T) []*apiscript.Script {
	t.Helper()
	scripts, err := apiscript.LoadAll(os.DirFS(scriptFolder), "*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		t.Fatalf("there are no scripts in %s", scriptFolder)
	}
	return scripts
}

func readScriptFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(scriptFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// startScripted starts a server as a script wants it, which ends with the test.
func startScripted(t *testing.T, options []apiscript.Option, uri string) apiscript.Target {
	t.Helper()
	// Far from now, so that a store which goes by another clock is found out; and to come, since Swift keeps nothing that is over.
	clock := &turnedClock{now: time.Date(2035, time.March, 1, 10, 0, 0, 250e6, time.UTC)}
	mischief := &mischief{}
	s, err := server.New(t.Context(), server.Options{
		Config:      configured(t, options),
		Drivers:     drivers.All(),
		DataURI:     uri,
		Now:         clock.Now,
		WrapData:    mischief.data,
		WrapControl: mischief.control,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(errors.Join(err, s.Close()))
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), listener) }() // the context ends before the cleanup begins
	t.Cleanup(func() {
		if err := errors.Join(<-served, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return apiscript.Target{
		Addr:    listener.Addr().String(),
		Now:     clock.Now,
		Advance: clock.advance,
		Store:   mischief.set,
		Check:   houseRules,
	}
}

// configured reads a script's options as a server reads its file. Health reports are always made anew, and no store is too slow: the
// race detector slows some by a factor of twenty.
func configured(t *testing.T, options []apiscript.Option) *config.Config {
	t.Helper()
	var file strings.Builder
	fmt.Fprintf(&file, "[marconi]\nhealth_interval = 0\nrequest_timeout = 60\n")
	for _, o := range options {
		fmt.Fprintf(&file, "[%s]\n%s = %s\n", o.Section, o.Name, o.Value)
	}
	name := filepath.Join(t.TempDir(), "marconi.conf")
	if err := os.WriteFile(name, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(config.Sources{Files: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A turnedClock stands still until it is turned.
type turnedClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *turnedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *turnedClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// houseRules hold for every answer of the API, whatever was asked.
func houseRules(x apiscript.Exchange) error {
	return errors.Join(spellingRules(x), bodyRules(x), errorRules(x), cacheRules(x))
}

// spellingRules are for clients that compare header names letter by letter.
func spellingRules(x apiscript.Exchange) error {
	var errs []error
	for _, h := range x.Answer.Header {
		lower := strings.ToLower(h.Name)
		if (lower == "location" || lower == "content-type") && h.Name != lower {
			errs = append(errs, fmt.Errorf("the header %s is not spelled in small letters", h.Name))
		}
		if (lower == "location" || lower == "content-location") && !strings.HasPrefix(h.Value, "/") {
			errs = append(errs, fmt.Errorf("%s: %s is no path", h.Name, h.Value))
		}
	}
	if _, found := x.Answer.Header.Get("X-Openstack-Request-Id"); !found {
		errs = append(errs, errors.New("the answer has no X-Openstack-Request-Id"))
	}
	return errors.Join(errs...)
}

// bodyRules say that a body is JSON and says so, and that there is none where there must not be one.
func bodyRules(x apiscript.Exchange) error {
	a := x.Answer
	kind, typed := a.Header.Get("Content-Type")
	if a.Status == 204 || len(a.Body) == 0 && x.Request.Method != http.MethodHead {
		length, announced := a.Header.Get("Content-Length")
		if typed || announced && length != "0" || a.Status == 204 && announced {
			return fmt.Errorf("the answer has no body, but type %q and length %q", kind, length)
		}
		return nil
	}
	if len(a.Body) == 0 {
		return nil
	}
	home := a.Status == 200 && regexp.MustCompile(`^/v1(\.1)?/?$`).MatchString(x.Request.Target)
	switch {
	case home && kind != "application/json-home", !home && kind != "application/json":
		return fmt.Errorf("the type is %q", kind)
	case !json.Valid(a.Body):
		return errors.New("the body is no JSON")
	}
	return nil
}

// bareFailures are the answers that have always been without a word.
var bareFailures = []struct {
	status int
	path   *regexp.Regexp
}{
	{404, regexp.MustCompile(`^/v1/queues/[^/]+/?$`)},
	{503, regexp.MustCompile(`^/v1/health$`)},
	{503, regexp.MustCompile(`^/v1\.1/ping$`)},
	{406, regexp.MustCompile(``)},
}

// errorRules are the form of all errors: a title, perhaps a description, and a link where JSON is not wanted.
func errorRules(x apiscript.Exchange) error {
	a := x.Answer
	if a.Status < 400 {
		return nil
	}
	var errs []error
	if a.Status == 500 {
		errs = append(errs, errors.New("a 500 is a bug"))
	}
	if strings.Contains(string(a.Body), errMischief.Error()) {
		errs = append(errs, errors.New("the store's own words are for the log alone"))
	}
	wanted := map[int][]string{405: {"Allow"}, 503: {"Retry-After"}}[a.Status]
	if len(a.Body) > 0 {
		wanted = append(wanted, "Vary")
	}
	for _, name := range wanted {
		if _, found := a.Header.Get(name); !found {
			errs = append(errs, fmt.Errorf("%d without a header %s", a.Status, name))
		}
	}
	if _, found := a.Header.Get("Location"); found {
		errs = append(errs, errors.New("an error has no location"))
	}
	return errors.Join(append(errs, errorBodyRules(x))...)
}

func errorBodyRules(x apiscript.Exchange) error {
	a := x.Answer
	if x.Request.Method == http.MethodHead {
		return nil
	}
	path, _, _ := strings.Cut(x.Request.Target, "?")
	if len(a.Body) == 0 {
		for _, bare := range bareFailures {
			if a.Status == bare.status && bare.path.MatchString(path) {
				return nil
			}
		}
		return errors.New("an error has a body")
	}
	var body map[string]any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return fmt.Errorf("an error is an object: %w", err)
	}
	if title, isText := body["title"].(string); !isText || title == "" {
		return errors.New("an error has a title")
	}
	allowed := []string{"title", "description"}
	if a.Status == 406 {
		allowed = append(allowed, "link")
	}
	for key := range body {
		if !slices.Contains(allowed, key) {
			return fmt.Errorf("an error has no %s", key)
		}
	}
	return nil
}

// cacheRules say that nothing is to be kept but the home documents.
func cacheRules(x apiscript.Exchange) error {
	kind, _ := x.Answer.Header.Get("Content-Type")
	for _, name := range []string{"Cache-Control", "ETag", "Expires", "Last-Modified"} {
		if value, found := x.Answer.Header.Get(name); found && kind != "application/json-home" {
			return fmt.Errorf("there is a caching header %s: %s", name, value)
		}
	}
	return nil
}
