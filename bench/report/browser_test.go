package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium that ends with the test; without one the test is skipped by name.
func browser(t *testing.T, see func(any)) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: scripts/install-test-services does it")
		}
		t.Skip("chromium is not installed: the look at the report in a browser is left out")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closed := chromedp.NewContext(allocator, chromedp.WithListener(see))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("chromium: %v", err)
		}
		closed()
	})
	return ctx
}

// A watcher notes what a page must not do.
type watcher struct {
	page string

	mu         sync.Mutex
	complaints []string // guarded by mu
}

func (w *watcher) note(format string, of ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintf(format, of...))
}

func (w *watcher) see(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.note("exception: %v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		w.note("console: %s %v", e.Type, e.Args)
	case *log.EventEntryAdded:
		w.note("log: %s %s", e.Entry.Level, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if e.Request.URL != w.page {
			w.note("request: %s", e.Request.URL)
		}
	}
}

// run is an action of the browser that has to succeed.
func run[T any](ctx context.Context, t *testing.T, a chromedp.Action[T]) T {
	t.Helper()
	got, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// inBrowser opens the report as people do, and leaves pictures of it.
func inBrowser(t *testing.T, dir, name string) {
	t.Helper()
	w := &watcher{page: "file://" + filepath.ToSlash(dir) + "/report.html"}
	open := browser(t, w.see)
	run(open, t, chromedp.Navigate("about:blank")) // the browser lives as long as the context of the first action
	ctx, cancel := context.WithTimeout(open, 2*time.Minute)
	defer cancel()
	shots := os.Getenv("MARCONI_TEST_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); return err },
	} {
		if err := enable(); err != nil {
			t.Fatal(err)
		}
	}
	grounds := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1360} {
			grounds[scheme] = lookAt(ctx, t, w.page, scheme, width, filepath.Join(shots, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)))
		}
	}
	if grounds["light"] == grounds["dark"] {
		t.Errorf("the page is as light by day as by night: %s", grounds["light"])
	}
	lookCloser(ctx, t, filepath.Join(shots, name+"-closer.png"))
	paper := run(ctx, t, chromedp.PrintToPDF())
	if !strings.HasPrefix(string(paper), "%PDF") {
		t.Error("the page can't be printed")
	}
	save(t, filepath.Join(shots, name+".pdf"), paper)
	withoutScript(ctx, t, w.page)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.complaints {
		t.Error(c)
	}
}

// lookAt opens the page in one form, and gives the colour of its ground.
func lookAt(ctx context.Context, t *testing.T, url, scheme string, width int64, shot string) (ground string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
	run(ctx, t, chromedp.EmulateViewport(width, 900))
	run(ctx, t, chromedp.Navigate(url))
	const charts = `[...document.querySelectorAll("svg.chart")]`
	if n := run(ctx, t, chromedp.Evaluate[int](charts+`.filter(s => s.getBoundingClientRect().height < 40).length`)); n > 0 {
		t.Errorf("%s, %d wide: %d charts are not shown", scheme, width, n)
	}
	if n := run(ctx, t, chromedp.Evaluate[int](charts+`.filter(s => !s.querySelector("title").textContent || s.getAttribute("role") !== "img").length`)); n > 0 {
		t.Errorf("%s, %d wide: %d charts have no name", scheme, width, n)
	}
	if n := run(ctx, t, chromedp.Evaluate[int](`Math.max(0, document.documentElement.scrollWidth - innerWidth)`)); n > 0 {
		t.Errorf("%s, %d wide: the page is %d pixels wider than its window", scheme, width, n)
	}
	if mode := run(ctx, t, chromedp.Evaluate[string](`document.compatMode`)); mode != "CSS1Compat" {
		t.Errorf("the page is read in the manner of old pages: %s", mode)
	}
	save(t, shot, run(ctx, t, chromedp.FullScreenshot(100)))
	return run(ctx, t, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
}

func save(t *testing.T, name string, data []byte) {
	t.Helper()
	if len(data) < 10_000 {
		t.Errorf("%s has %d bytes: there is nothing to be seen", filepath.Base(name), len(data))
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// lookCloser presses the button of the first time line, and back.
func lookCloser(ctx context.Context, t *testing.T, shot string) {
	t.Helper()
	const button = chromedp.CSS("#time button")
	if n := run(ctx, t, chromedp.Evaluate[int](`document.querySelectorAll("#time figure").length`)); n == 0 {
		t.Log("there is no time line: no run counted")
		return
	}
	canvases := func() int { return run(ctx, t, chromedp.Evaluate[int](`document.querySelectorAll("canvas").length`)) }
	before := canvases()
	run(ctx, t, chromedp.Click(button))
	run(ctx, t, chromedp.WaitVisible(chromedp.CSS("#time canvas")))
	during := canvases()
	save(t, shot, run(ctx, t, chromedp.Screenshot(chromedp.CSS("#time figure"))))
	run(ctx, t, chromedp.Click(button))
	if after := canvases(); before != 0 || during < 3 || after != 0 {
		t.Errorf("there are %d canvases, %d when one looks closer, %d after; want 0, some, 0", before, during, after)
	}
}

// withoutScript looks whether the page is whole where scripts don't run.
func withoutScript(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	run(ctx, t, chromedp.Navigate(url))
	if nodes := run(ctx, t, chromedp.Nodes(chromedp.CSSAll("svg.chart"))); len(nodes) == 0 {
		t.Error("without scripts there are no charts")
	}
}
