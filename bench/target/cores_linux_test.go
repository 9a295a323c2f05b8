package target

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/plan"
)

// coresOf are those that a process may run on, as the kernel says.
func coresOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "Cpus_allowed_list:")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}

// What is started runs on the cores that it is given, also when it is started again, and nobody else is moved.
func TestWhatIsStartedHasItsCores(t *testing.T) {
	all := cores.Usable()
	one := all[len(all)-1:]
	i, err := Start(t.Context(), plan.Target{Start: &plan.Start{Backend: "memory"}}, Options{Dir: t.TempDir(), Server: benchtest.Server(t), Cores: one})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Stop()
	if got := coresOf(t, i.server.pid()); got != one.String() {
		t.Errorf("the server may run on %s, want %s", got, one)
	}
	pid, err := i.Suffer(t.Context(), plan.Fault{Do: "kill", To: "server"})
	if err != nil {
		t.Fatal(err)
	}
	if got := coresOf(t, pid); got != one.String() {
		t.Errorf("started again, it may run on %s, want %s", got, one)
	}
	if got := coresOf(t, os.Getpid()); got != all.String() {
		t.Errorf("we may run on %s, want %s", got, all)
	}
}
