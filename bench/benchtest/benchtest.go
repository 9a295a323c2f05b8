// Package benchtest has what the tests of the load suite share.
package benchtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/server/command"
	"github.com/marconi-mq/marconi/storage/drivers"
)

// serve is the argument by which a test's program is a server.
const serve = "server"

// Main runs tests whose own program is the server, as marconi-bench is: it starts itself again, as [Server] says.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serve {
		os.Exit(command.Run(context.Background(), drivers.All(), command.Process{
			Args: os.Args[2:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		}))
	}
	if len(os.Args) > 2 && os.Args[1] == canned {
		if err := serveCanned(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Server is the command that is a server, in tests of a package with [Main].
func Server(t testing.TB) []string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{program, serve}
}

// A patience is how often something is tried, and what is made of a machine that was too busy each time.
type patience struct {
	tries  int
	pause  time.Duration // after the first try for which the machine was too busy; it doubles, up to longestPause
	strict bool          // it is a failure then; else the test is skipped
}

// longestPause is as long as what others test beside it may take to end.
const longestPause = 16 * time.Second

// usual is for machines at which somebody sits. With CI=true nobody would see that a test is skipped: twelve tries over more than two
// minutes are for one to find half a core free, and if none does it is a failure. The race detector takes more than there is, however long
// one waits.
func usual() patience {
	if os.Getenv("CI") == "true" && !Raced {
		return patience{tries: 12, pause: time.Second, strict: true}
	}
	return patience{tries: 4}
}

// Attempts try to see something on a machine that others use, too: one that succeeds is enough. If none does the test has
// failed, unless in all of them the machine was too busy to make the load, which is not the program's doing: then it is skipped, but
// with CI=true.
func Attempts(t testing.TB, try func() (problem string, busy bool)) {
	t.Helper()
	usual().attempt(t, try)
}

func (p patience) attempt(t testing.TB, try func() (problem string, busy bool)) {
	t.Helper()
	var problem string
	always := true
	for n := range p.tries {
		var busy bool
		if problem, busy = try(); problem == "" {
			return
		}
		always = always && busy
		if busy && n < p.tries-1 {
			time.Sleep(min(p.pause<<n, longestPause))
		}
	}
	if always && !p.strict {
		t.Skipf("this machine is too busy: %s", problem)
		return
	}
	t.Error(problem)
}
