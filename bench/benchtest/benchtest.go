// Package benchtest has what the tests of the load suite share.
package benchtest

import (
	"context"
	"fmt"
	"os"
	"testing"

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

// tries is how often something is tried.
const tries = 4

// Attempts try to see something on a machine that others use, too: one that succeeds is enough. If none does the test has
// failed, unless in all of them the machine was too busy to make the load, which is not the program's doing.
func Attempts(t testing.TB, try func() (problem string, busy bool)) {
	t.Helper()
	var problem string
	always := true
	for range tries {
		var busy bool
		if problem, busy = try(); problem == "" {
			return
		}
		always = always && busy
	}
	if always {
		t.Skipf("this machine is too busy: %s", problem)
		return
	}
	t.Error(problem)
}
