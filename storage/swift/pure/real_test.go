//go:build unix

package pure

import (
	"flag"
	"testing"

	"github.com/marconi-mq/marconi/storage/storagetest"
)

// fewChecks makes package rapid try little: each step is some ten requests to a real Swift.
func fewChecks(t *testing.T, n string) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	old := f.Value.String()
	if err := f.Value.Set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}

func TestDataOnSwift(t *testing.T) {
	fewChecks(t, "3")
	storagetest.Data(t, realHarness(t))
}
