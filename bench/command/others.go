package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/report"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/target"
)

func reportCommand(p Process) *cobra.Command {
	return &cobra.Command{
		Use: "report FOLDER", Short: "Makes all outputs anew from the results in a folder", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := result.Open(args[0])
			if err != nil {
				return err
			}
			if _, err := f.Experiment(); errors.Is(err, fs.ErrNotExist) {
				err = experiment.Recover(f)
				if err != nil {
					return err
				}
			}
			if err := f.Remake(); err != nil {
				return err
			}
			if err := report.Write(f.Dir); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.Stdout, f.Dir+"/report.html")
			return err
		},
	}
}

func planCommand(p Process) *cobra.Command {
	var check, show string
	var list bool
	c := &cobra.Command{
		Use:   "plan (--list | --show NAME | --check PLAN)",
		Short: "Shows the sample plans, or what a plan would do",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case list:
				return listPlans(p)
			case show != "":
				sample, err := plan.Sample(show)
				if err != nil {
					return err
				}
				_, err = p.Stdout.Write(sample.Source())
				return err
			case check != "":
				read, err := readPlan(check)
				if err != nil {
					return err
				}
				return read.Show(p.Stdout)
			}
			return fmt.Errorf("one of --list, --show NAME and --check PLAN is wanted")
		},
	}
	c.Flags().BoolVar(&list, "list", false, "list the sample plans")
	c.Flags().StringVar(&show, "show", "", "print a sample, to begin one's own with")
	c.Flags().StringVar(&check, "check", "", "print the matrix of a `plan`, how many runs and messages it has, and how long it takes; start nothing")
	c.MarkFlagsMutuallyExclusive("list", "show", "check")
	return c
}

func listPlans(p Process) error {
	table := tabwriter.NewWriter(p.Stdout, 0, 8, 2, ' ', 0)
	for _, name := range plan.Samples() {
		sample, err := plan.Sample(name)
		if err != nil {
			return err
		}
		e := sample.Estimate()
		if _, err := fmt.Fprintf(table, "%s\t%d runs\t%v\t%s\n", name, e.Runs, e.Wall.Round(time.Second), sample.About()); err != nil {
			return err
		}
	}
	return table.Flush()
}

func schemaCommand(p Process) *cobra.Command {
	return &cobra.Command{
		Use: "schema [NAME]", Short: "Prints the JSON schema of a result's file, or their names", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			entries, err := fs.ReadDir(result.Schemas(), ".")
			if err != nil {
				return err
			}
			var names []string
			for _, e := range entries {
				name := strings.TrimSuffix(e.Name(), ".json")
				names = append(names, name)
				if len(args) == 1 && args[0] == name {
					text, err := fs.ReadFile(result.Schemas(), e.Name())
					if err != nil {
						return err
					}
					_, err = p.Stdout.Write(text)
					return err
				}
			}
			if len(args) == 1 {
				return fmt.Errorf("there is no schema %q; there are %s", args[0], strings.Join(names, ", "))
			}
			_, err = fmt.Fprintln(p.Stdout, strings.Join(names, "\n"))
			return err
		},
	}
}

func doctorCommand(p Process) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Looks what is installed and what this machine can do", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, line := range examine(c.Context()) {
				if _, err := fmt.Fprintln(p.Stdout, line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// examine looks at the machine.
func examine(ctx context.Context) (lines []string) {
	e := experiment.Environment(version())
	say := func(what, format string, args ...any) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%-12s", what)+fmt.Sprintf(format, args...)))
	}
	say("machine", "%d cores, %s, %d MiB, %s, kernel %s", e.Cores, e.CPU, e.Memory>>20, e.OS, e.Kernel)
	if e.Shared {
		say("", "generator and server share these cores: figures are those of both together")
	}
	if e.Governor != "" && e.Governor != "performance" {
		say("governor", "%s: the clock of the cores follows the load, and so do the figures", e.Governor)
	}
	present, absent := target.Present()
	for _, name := range present {
		say(name, "can be started %s", e.Backends[name])
	}
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		say(name, "can't: %v", absent[name])
	}
	for _, tool := range []string{"chromium", "tsung", "httperf", "autobench"} {
		if path, err := exec.LookPath(tool); err == nil {
			say(tool, "%s", path)
		}
	}
	c := experiment.Calibrate(2 * time.Second) // in which there are samples enough for its p99
	say("echo", "%v, p99 %v, over loopback at 500/s", time.Duration(c.EchoP50NS).Round(time.Microsecond), time.Duration(c.EchoP99NS).Round(time.Microsecond))
	say("sleep", "wakes %v late (p99 at 1000/s)", experiment.Lateness(time.Second).Round(time.Microsecond))
	if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		say("loopback", "can't be listened on: %v", err)
	} else {
		_ = l.Close()
	}
	if dir, err := os.MkdirTemp("", "marconi-bench-"); err != nil {
		say("disk", "no temporary folder: %v", err)
	} else {
		_ = os.RemoveAll(dir)
	}
	say("go", "%s", runtime.Version())
	return lines
}
