//go:build unix

package marconi_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage/drivers"
)

// systemPython is the interpreter that Debian's packages are installed for; another on the path would not see them.
const systemPython = "/usr/bin/python3"

// TestZaqarClient takes OpenStack's own client through both versions, over each store that needs no server.
func TestZaqarClient(t *testing.T) {
	if err := exec.CommandContext(t.Context(), systemPython, "-c", "import zaqarclient").Run(); err != nil {
		skipService(t, "python3-zaqarclient is not installed: apt-get install python3-zaqarclient")
	}
	for name, uri := range map[string]string{
		"memory": "memory:",
		"sqlite": "sqlite:///" + filepath.Join(t.TempDir(), "marconi.db"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serveForTour(t, uri)
			for _, version := range []string{"1", "1.1"} {
				t.Run("v"+version, func(t *testing.T) {
					t.Parallel()
					tour(t, url, version)
				})
			}
		})
	}
}

// serveForTour starts a server in this process.
func serveForTour(t *testing.T, uri string) (url string) {
	t.Helper()
	settings := config.Default()
	settings.Service.AdminMode = true
	s, err := server.New(t.Context(), server.Options{Config: settings, Drivers: drivers.All(), DataURI: uri, ControlURI: uri})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h.URL
}

func tour(t *testing.T, url, version string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), systemPython, "testdata/interop/zaqarclient_tour.py", url, version)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8", "NO_PROXY=*", "no_proxy=*")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour of v%s failed: %v\n%s", version, err, out)
	}
	t.Logf("%s", out)
}
