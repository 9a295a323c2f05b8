// Package command is the command line of marconi-server, for any list of drivers.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
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
)

// Run runs the server until ctx ends or a signal comes, and returns the exit status: 0 after a stop in order, 2 if it could
// not start, 1 for trouble later on. SIGTERM and SIGINT stop it in order; a second one ends the process at once.
func Run(ctx context.Context, drivers storage.Drivers, p Process) int {
	status := ok
	c := &cobra.Command{
		Use:   "marconi-server",
		Short: "A message queue service over HTTP: OpenStack's queue API 1.0 and 1.1",
		Long: `A multi-tenant message queue service over HTTP: OpenStack Marconi's (later Zaqar's) API 1.0 and 1.1.

Without arguments it keeps everything in an SQLite file in your data folder and answers on 127.0.0.1:8888.
Flags beat environment variables (MARCONI_<GROUP>__<OPTION>), which beat configuration files.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no flag, and nothing else is taken: see --help", args[0])
			}
			return nil
		},
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	c.SetVersionTemplate("marconi-server {{.Version}}\n")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: see --help", err) })
	f := addFlags(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		status, err = run(c.Context(), drivers, p, f.sources(c.Flags(), p.Environ), f.printConfig)
		return err
	}
	c.SetArgs(p.Args)
	c.SetOut(p.Stdout)
	c.SetErr(p.Stderr)
	c.CompletionOptions.DisableDefaultCmd = true
	if err := c.ExecuteContext(ctx); err != nil {
		complain(p.Stderr, err)
		return max(status, unusable)
	}
	return status
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
}

// addFlags gives every option that has a flag its flag; what they are called and mean is in the configuration's table.
func addFlags(fs *pflag.FlagSet) *flags {
	f := &flags{}
	fs.StringArrayVar(&f.files, "config-file", nil, "configuration `file` (INI); may be given several times, later ones win")
	fs.StringVar(&f.dir, "config-dir", "", "`folder` whose *.conf files are read after the others, by name")
	fs.BoolVar(&f.printConfig, "print-config", false, "print all options with value, origin and help, and stop")
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
		_, _ = fmt.Fprintln(p.Stderr, "marconi-server: warning:", w)
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
	return serve(ctx, drivers, p, c)
}

func serve(ctx context.Context, drivers storage.Drivers, p Process, c *config.Config) (status int, err error) {
	log, closeLog, err := newLogger(c, p.Stderr)
	if err != nil {
		return unusable, err
	}
	defer closeLog()
	data, control, err := stores(c, storage.NewRegistry(drivers).Schemes(), p.Environ)
	if err != nil {
		return unusable, err
	}
	listener, err := listen(ctx, c)
	if err != nil {
		return unusable, err
	}
	defer func() { _ = listener.Close() }() // Serve has done so, if it was reached
	s, err := server.New(ctx, server.Options{Config: c, Drivers: drivers, Logger: log, DataURI: data, ControlURI: control})
	if err != nil {
		return unusable, err
	}
	if err := greet(p.Stderr, c, listener.Addr(), data, control, s.Adopted()); err != nil {
		return failed, errors.Join(err, s.Close())
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its usual effect: the end
	if err := errors.Join(s.Serve(ctx, listener), s.Close()); err != nil {
		return failed, err
	}
	_, err = fmt.Fprintln(p.Stderr, "stopped")
	return ok, err
}

func listen(ctx context.Context, c *config.Config) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Address())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: name another address with --listen", c.Address())
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Address(), err)
	}
	tl, err := withTLS(l, c)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return tl, nil
}

// greet says what runs where, and how to try it.
func greet(w io.Writer, c *config.Config, addr net.Addr, data, control string, adopted int) error {
	scheme := "http"
	if c.Marconi.TLSCert != "" {
		scheme = "https"
	}
	base := scheme + "://" + addr.String()
	var paths []string
	for _, v := range c.EnabledVersions() {
		paths = append(paths, base+"/v"+v)
	}
	if len(paths) == 0 {
		paths = []string{"none: enable_deprecated_api_versions is empty"}
	}
	path := "/v1"
	if slices.Contains(c.EnabledVersions(), "1.1") {
		path = "/v1.1"
	}
	lines := []string{
		"marconi-server " + version(),
		"messages in " + config.Redact(data),
		"queues in   " + config.Redact(control) + adoption(adopted),
		"API on      " + strings.Join(paths, " and "),
		"try         curl -i -X PUT " + base + path + "/queues/demo -H 'Client-ID: 3381af92-2b9e-11e3-b191-71861300734c' -H 'X-Project-ID: demo'",
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func adoption(queues int) string {
	if queues == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d queues adopted)", queues)
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
