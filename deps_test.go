package marconi_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheServerCarriesNoLoadSuite looks at what the server links: charts, statistics and plans are for those who measure.
func TestTheServerCarriesNoLoadSuite(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on the path")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/marconi-server").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.FieldsSeq(string(out)) {
		for _, unwanted := range []string{module + "/bench", module + "/ledger", "gonum.org/", "golang.org/x/perf", "github.com/HdrHistogram", "github.com/goccy", "github.com/vbauerster"} {
			if strings.HasPrefix(dependency, unwanted) {
				t.Errorf("marconi-server depends on %s", dependency)
			}
		}
	}
}
