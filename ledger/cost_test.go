//go:build unix && !race

package ledger_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// cpu is what this process has used: what others do on the machine doesn't count.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A million messages are judged in two seconds, and fewer in as many less.
func TestCostOfAVerdict(t *testing.T) {
	messages := 200_000
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		messages = 1_000_000
	}
	limit := 2 * time.Second * time.Duration(messages) / 1_000_000
	l := fill(ledger.Options{Run: "bench"}, messages, 32)
	least := time.Hour
	for range 3 {
		begun := cpu(t)
		if v := l.Verdict(); !v.OK() || v.Deleted != int64(messages) {
			t.Fatal(v.Report())
		}
		least = min(least, cpu(t)-begun)
	}
	if least > limit {
		t.Errorf("%d messages took %v to judge, want %v at most", messages, least, limit)
	}
	t.Logf("%d messages took %v", messages, least)
}
