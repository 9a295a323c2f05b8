// Package command is the command line of marconi-bench.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/target"
)

// A Process is what a program gets from the system.
type Process struct {
	Args           []string // without the program's name
	Environ        []string // NAME=value
	Stdout, Stderr io.Writer

	// Server runs a queue service with these arguments until ctx ends, and gives its exit status.
	Server func(ctx context.Context, args []string) int
}

// Exit statuses of [Run].
const (
	Fine        = 0
	Usage       = 1   // a flag, or a plan, is wrong; or results could not be written
	Unreachable = 2   // a target does not answer, or died in a run
	Violated    = 3   // the ledger of a run was
	Unfit       = 5   // the generator was, in a run
	Interrupted = 130 // by a signal
)

// serverCommand is the hidden command by which the program starts itself as a server.
const serverCommand = "server"

// A status is an error that is nothing but an exit status: all there is to say has been said.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Run runs the program, and gives its exit status.
func Run(ctx context.Context, p Process) int {
	if len(p.Args) > 0 && p.Args[0] == serverCommand {
		return p.Server(ctx, p.Args[1:])
	}
	// One more than there are cores, so that a pacer that wakes need not wait until a goroutine makes room: the kernel lets its
	// thread run first.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	c := root(p)
	c.SetArgs(p.Args)
	c.SetOut(p.Stdout)
	c.SetErr(p.Stderr)
	return p.statusOf(c.ExecuteContext(ctx))
}

// statusOf tells of an error, and gives its status.
func (p Process) statusOf(err error) int {
	var said status
	switch {
	case err == nil:
		return Fine
	case errors.As(err, &said):
		return int(said)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		_, _ = fmt.Fprintln(p.Stderr, "marconi-bench:", line)
	}
	if errors.Is(err, target.ErrUnreachable) {
		return Unreachable
	}
	return Usage
}

func root(p Process) *cobra.Command {
	r := &running{process: p}
	c := &cobra.Command{
		Use:   "marconi-bench",
		Short: "Puts a queue service under load, follows every message, and reports",
		Long: `Puts a queue service that speaks API 1.0 or 1.1 under load: message flows at a rate that a slow server can't slow down.
Every message is followed from its post to its delete, and what was lost, doubled, reordered or torn is told.

Without arguments it starts a server of its own on each backend that is here, tries everything out in less than a minute,
and says where the report is. It loads nothing that is not on this machine, unless it is told to.`,
		Example: `  marconi-bench
  marconi-bench run backends
  marconi-bench run my-plan.yaml --out results
  marconi-bench sweep work-queue --backend redis --low 500 --high 16000`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			smoke, err := plan.Sample("smoke")
			if err != nil {
				return err
			}
			return r.run(c.Context(), smoke, "smoke")
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: see --help", err) })
	r.flags(c.Flags())
	c.AddCommand(runCommand(p), sweepCommand(p), reportCommand(p), planCommand(p), doctorCommand(p), schemaCommand(p), versionCommand(p))
	c.CompletionOptions.HiddenDefaultCmd = true
	return c
}

func versionCommand(p Process) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Prints the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.Stdout, "marconi-bench", version())
			return err
		},
	}
}

// version is that of the module that was built, with its commit if there is none.
func version() string {
	info, known := debug.ReadBuildInfo()
	if !known || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// readPlan reads a plan from a file or, if there is none of that name, gives the sample that is called so. A folder is no file.
func readPlan(name string) (*plan.Plan, error) {
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		return plan.Parse(name, text)
	case !errors.Is(err, os.ErrNotExist) && !isFolder(name):
		return nil, fmt.Errorf("plan: %w", err)
	}
	p, sampleErr := plan.Sample(name)
	if sampleErr != nil {
		return nil, fmt.Errorf("there is no file %q, and no sample plan of that name: %s", name, strings.Join(plan.Samples(), ", "))
	}
	return p, nil
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
