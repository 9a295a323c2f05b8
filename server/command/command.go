// Package command is the command line of marconi-server, for any list of drivers.
package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/importer"
)

// A Process is what a program gets from the system.
type Process struct {
	Args           []string // without the program's name
	Environ        []string // NAME=value
	Stdout, Stderr io.Writer
}

// Exit statuses of [Run].
const (
	ok       = 0
	failed   = 1 // it ran, and then could not go on or not stop in order
	unusable = 2 // it could not start: a flag, an option, a file, a port

	incomplete = 3 // an import is done, but for what could not be imported
)

// Run runs the server until ctx ends or a signal comes, and returns the exit status: 0 after a stop in order, 2 if it could
// not start, 1 for trouble later on. SIGTERM and SIGINT stop it in order; a second one ends the process at once. SIGHUP has
// the configuration read again for the log level and the certificate.
//
// With sources it has the command import, which moves the queues of other services into a store.
func Run(ctx context.Context, drivers storage.Drivers, p Process, sources ...importer.Sources) int {
	status := ok
	c := &cobra.Command{
		Use:   "marconi-server",
		Short: "A message queue service over HTTP: OpenStack's queue API 1.0 and 1.1",
		Long: `A multi-tenant message queue service over HTTP: OpenStack Marconi's (later Zaqar's) API 1.0 and 1.1.

Without arguments it keeps everything in an SQLite file in your data folder and answers on 127.0.0.1:8888.
Flags beat environment variables (MARCONI_<GROUP>__<OPTION>), which beat configuration files.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no flag, and nothing else is taken: see --help", config.Redact(args[0]))
			}
			return nil
		},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: see --help", err) })
	f := addFlags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		if f.version {
			_, err := fmt.Fprintln(p.Stdout, "marconi-server", version())
			return err
		}
		var err error
		status, err = run(c.Context(), drivers, p, f.sources(c.Flags(), p.Environ), f.printConfig)
		return err
	}
	if all := joined(sources); len(all) > 0 {
		c.AddCommand(importCommand(&importing{drivers: drivers, sources: all, process: p}, &status))
	}
	c.SetArgs(p.Args)
	c.SetOut(p.Stdout)
	c.SetErr(p.Stderr)
	c.CompletionOptions.DisableDefaultCmd = true
	if err := c.ExecuteContext(ctx); err != nil {
		complain(p.Stderr, err)
		if status == ok {
			status = unusable
		}
	}
	return status
}

func joined(sources []importer.Sources) importer.Sources {
	all := importer.Sources{}
	for _, one := range sources {
		maps.Copy(all, one)
	}
	return all
}

// complain writes each error as a line.
func complain(w io.Writer, err error) {
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		_, _ = fmt.Fprintln(w, "marconi-server:", line)
	}
}

type flags struct {
	files       []string
	dir         string
	printConfig bool
	version     bool
}

// addFlags gives every option that has a flag its flag; what they are called and mean is in the configuration's table.
func addFlags(fs *pflag.FlagSet) *flags {
	f := &flags{}
	fs.StringArrayVar(&f.files, "config-file", nil, "configuration `file` (INI); may be given several times, later ones win")
	fs.StringVar(&f.dir, "config-dir", "", "`folder` whose *.conf files are read after the others, by name")
	fs.BoolVar(&f.printConfig, "print-config", false, "print all options with value, origin and help, and stop")
	// Cobra's own flag needs a template, and with templates in it a program keeps every method of every type: 2 MB.
	fs.BoolVarP(&f.version, "version", "v", false, "print the version and stop")
	for _, o := range config.Flags() {
		fs.String(o.Name, "", o.Help)
		if o.Bool {
			fs.Lookup(o.Name).NoOptDefVal = "true"
		}
	}
	return f
}

func (f *flags) sources(fs *pflag.FlagSet, environ []string) config.Sources {
	given := map[string]string{}
	for _, o := range config.Flags() {
		if fs.Changed(o.Name) {
			given[o.Name] = fs.Lookup(o.Name).Value.String()
		}
	}
	return config.Sources{Files: f.files, Dir: f.dir, Environ: environ, Flags: given}
}

func run(ctx context.Context, drivers storage.Drivers, p Process, from config.Sources, print bool) (int, error) {
	c, warnings, err := config.Load(from)
	for _, w := range warnings {
		warn(p.Stderr, w)
	}
	if err != nil {
		return unusable, err
	}
	if print {
		return ok, c.Print(p.Stdout)
	}
	if err := c.Unsupported(); err != nil {
		return unusable, err
	}
	return serve(ctx, setup{drivers: drivers, process: p, sources: from, config: c})
}

// version is that of the module, and the commit it was built from.
func version() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			text += " " + s.Value[:12]
		}
	}
	return text
}
