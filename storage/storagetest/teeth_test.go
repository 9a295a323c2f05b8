package storagetest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// brokenVariable names, in the environment of a child process, the broken store that it tries.
const brokenVariable = "MARCONI_STORAGETEST_BROKEN"

// TestBroken tries the suite on a broken store and on the sound one. TestTeeth runs it, in a process of its own, for it
// fails.
func TestBroken(t *testing.T) {
	name := os.Getenv(brokenVariable)
	if name == "" {
		t.Skip("only TestTeeth runs this, in a process of its own")
	}
	for _, b := range brokenStores() {
		if b.name != name {
			continue
		}
		try := Data
		if b.control != nil {
			try = Control
		}
		t.Run("sound", func(t *testing.T) { try(t, broken{behindLine: b.behindLine}.harness()) })
		t.Run("broken", func(t *testing.T) { try(t, b.harness()) })
		return
	}
	t.Fatalf("there is no broken store %q", name)
}

// TestTeeth shows that each promise has a case that fails if it is forgotten.
func TestTeeth(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the suite once for each broken store")
	}
	for _, b := range brokenStores() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			out := runBroken(t, b)
			wantLine(t, out, "--- PASS: TestBroken/sound/"+rewritten(b.test)+" ")
			wantLine(t, out, "--- FAIL: TestBroken/broken/"+rewritten(b.test)+" ")
		})
	}
}

// runBroken runs the case named for the broken store. The seed is a fixed one: whether a random history finds a fault
// is for whoever picks the fault to see, not for each run.
func runBroken(t *testing.T, b broken) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", onlyCase(b.test), "-test.timeout", "50s",
		"-rapid.seed", "1", "-rapid.nofailfile", "-rapid.shrinktime", "1s")
	cmd.Env = append(os.Environ(), brokenVariable+"="+b.name)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("all cases passed, %q included", b.test)
	}
	return string(out)
}

// rewritten is a sub-test's name as package testing prints it.
func rewritten(name string) string { return strings.ReplaceAll(name, " ", "_") }

// onlyCase is the -test.run pattern for one case of TestBroken.
func onlyCase(test string) string {
	pattern := "^TestBroken$/^(sound|broken)$"
	for part := range strings.SplitSeq(rewritten(test), "/") {
		pattern += "/^" + regexp.QuoteMeta(part) + "$"
	}
	return pattern
}

func wantLine(t *testing.T, out, want string) {
	t.Helper()
	if !strings.Contains(out, want) {
		t.Errorf("the output has no line with %q:\n%s", want, out)
	}
}
