package cores

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// lists are the cores that the threads of this process may run on, as the kernel says, with how many have each list.
func lists(t *testing.T) map[string]int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		t.Fatal("threads can't be listed", err)
	}
	all := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), "Cpus_allowed_list:")
		line, _, _ := strings.Cut(after, "\n")
		all[strings.TrimSpace(line)]++
	}
	return all
}

// A process that is held runs on those cores with all its threads, those to come among them, and afterwards where it did.
func TestAProcessIsHeld(t *testing.T) {
	before, processors := Usable(), runtime.GOMAXPROCS(0)
	if len(before) == 0 {
		t.Fatal("no core may be used")
	}
	one := before[len(before)-1:]
	release, err := one.Hold()
	if err != nil {
		t.Skipf("this system refuses: %v", err)
	}
	locked, done := make(chan bool), make(chan bool)
	for range 8 { // each needs a thread of its own
		go func() {
			runtime.LockOSThread()
			locked <- true
			<-done
		}()
	}
	for range 8 {
		<-locked
	}
	if got := lists(t); len(got) != 1 || got[one.String()] < 8 || runtime.GOMAXPROCS(0) != 1 {
		t.Errorf("held to core %s, threads may run on %v, %d at a time", one, got, runtime.GOMAXPROCS(0))
	}
	release()
	close(done)
	if got := lists(t); len(got) != 1 || got[before.String()] == 0 || runtime.GOMAXPROCS(0) != processors {
		t.Errorf("released, threads may run on %v, %d at a time; before on %s, %d", got, runtime.GOMAXPROCS(0), before, processors)
	}
}

// A core that is not there can't be had, and nothing changes.
func TestACoreThatIsNotThereIsRefused(t *testing.T) {
	before := Usable()
	if _, err := (Set{1000}).Hold(); err == nil || !strings.Contains(err.Error(), "cores 1000") {
		t.Errorf("held to core 1000: %v", err)
	}
	if got := Usable(); got.String() != before.String() {
		t.Errorf("it may run on %s, before on %s", got, before)
	}
}
