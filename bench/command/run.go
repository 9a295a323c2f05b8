package command

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/report"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/screen"
	"github.com/marconi-mq/marconi/bench/target"
)

// running is how plans are run: what the flags say.
type running struct {
	process Process

	out    string // the folder of results; "": a new one below runs
	resume string
	scale  string
	remote []string
	json   bool
	quiet  bool
	debug  bool
}

func (r *running) flags(f *pflag.FlagSet) {
	f.StringVarP(&r.out, "out", "o", "", "`folder` for the results (default a new one in ./runs)")
	f.StringVar(&r.scale, "scale", "", "\"tiny\": run the whole plan, but so short that it only shows whether everything works")
	f.StringArrayVar(&r.remote, "allow-remote", nil, "`host` that may be put under load though it is not this machine; may be given several times")
	f.BoolVar(&r.json, "json", false, "tell what happens in lines of JSON on standard output")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "tell nothing but what came of it")
	f.BoolVar(&r.debug, "debug", false, "write each request that failed into log.jsonl")
}

func runCommand(p Process) *cobra.Command {
	r := &running{process: p}
	c := &cobra.Command{
		Use:   "run PLAN",
		Short: "Runs a plan: a YAML file, or one of the samples",
		Long: `Runs a plan: a YAML file, or one of the samples that "marconi-bench plan --list" shows.

Ctrl-C ends it after the run in hand, with a report of what there is; a second one breaks off at once and cleans up.
"run --resume FOLDER" goes on with the runs that are missing.`,
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (r.resume != "") {
				return errors.New("either a plan or --resume FOLDER is wanted: see --help")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if r.resume != "" {
				f, err := result.Open(r.resume)
				if err != nil {
					return err
				}
				p, err := f.Plan()
				if err != nil {
					return err
				}
				if hidden(p) {
					return fmt.Errorf("%s does not have the plan's secrets, which no file keeps: run PLAN --out %s goes on with it, too", r.resume, r.resume)
				}
				r.out = r.resume
				return r.run(c.Context(), p, filepath.Join(r.resume, "plan.yaml"))
			}
			p, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return r.run(c.Context(), p, args[0])
		},
	}
	r.flags(c.Flags())
	c.Flags().StringVar(&r.resume, "resume", "", "go on with the results in a `folder`")
	c.MarkFlagsMutuallyExclusive("resume", "out")
	c.MarkFlagsMutuallyExclusive("resume", "scale")
	return c
}

// hidden reports whether a plan was read from where its secrets are hidden.
func hidden(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Targets, func(t plan.Target) bool {
		shown := t.Redacted()
		if t.Auth.Token != "" && t.Auth.Token == shown.Auth.Token || strings.Contains(t.URL, "@") && t.URL == shown.URL {
			return true
		}
		if t.Start == nil { // of what is started, the backend has whatever password it is given
			return false
		}
		for key, value := range t.Start.Config {
			if value == shown.Start.Config[key] && (plan.IsSecret(key) || inURL.MatchString(value)) {
				return true
			}
		}
		return false
	})
}

func sweepCommand(p Process) *cobra.Command {
	r := &running{process: p}
	var backend, url, api string
	var low, high, step, factor float64
	var length time.Duration
	var repeats int
	c := &cobra.Command{
		Use:     "sweep WORKLOAD",
		Short:   "Looks for the highest rate that a target carries",
		Example: "  marconi-bench sweep work-queue --backend redis --api 1.1 --low 100 --high 5000",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text := sweepPlan(sweepWish{args[0], backend, url, api, low, high, step, factor, length, repeats})
			p, err := plan.Parse("sweep", []byte(text))
			if err != nil {
				return err
			}
			return r.run(c.Context(), p, "")
		},
	}
	f := c.Flags()
	f.StringVar(&backend, "backend", "memory", "what to start the server on")
	f.StringVar(&url, "url", "", "the server to load, in place of one that is started")
	f.StringVar(&api, "api", "1.1", "version of the API")
	f.Float64Var(&low, "low", 100, "the first rate, operations/s")
	f.Float64Var(&high, "high", 10_000, "the last rate, operations/s")
	f.Float64Var(&step, "step", 0, "by how much the rate rises from level to level")
	f.Float64Var(&factor, "factor", 0, "by what factor it does (default 2)")
	f.DurationVar(&length, "duration", 5*time.Second, "how long a level is measured")
	f.IntVar(&repeats, "repeats", 1, "how often a level is run")
	r.flags(f)
	return c
}

// A sweepWish is what the flags of a sweep say.
type sweepWish struct {
	workload, backend, url, api string
	low, high, step, factor     float64
	length                      time.Duration
	repeats                     int
}

// sweepPlan is the plan of a sweep.
func sweepPlan(w sweepWish) string {
	where := fmt.Sprintf("{name: %q, start: {backend: %q}, api: [%q]}", w.backend, w.backend, w.api)
	if w.url != "" {
		where = fmt.Sprintf("{name: target, url: %q, api: [%q]}", w.url, w.api)
	}
	rise := ""
	if w.step > 0 {
		rise += fmt.Sprintf(", step: %g", w.step)
	}
	if w.factor > 0 {
		rise += fmt.Sprintf(", factor: %g", w.factor)
	}
	return fmt.Sprintf(`plan: sweep
targets: [%s]
workloads: [{use: %q}]
time: {warmup: 1s, drain: 3s, cooldown: 500ms}
sweep: {low: %g, high: %g%s, duration: %s, repeats: %d}
`, where, w.workload, w.low, w.high, rise, w.length, w.repeats)
}

// run runs a plan. Asked is how the plan was named.
func (r *running) run(ctx context.Context, p *plan.Plan, asked string) error {
	if r.scale != "" {
		scaled, err := p.Scale(r.scale)
		if err != nil {
			return fmt.Errorf("--scale: %w", err)
		}
		p = scaled
	}
	hard, interrupted := r.interruptible(ctx) // first, so that nothing is left behind by a signal
	defer interrupted.done()
	folder, err := result.Create(r.folder(p), p)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "marconi-bench-")
	if err != nil {
		return fmt.Errorf("a folder for what servers keep: %w", err)
	}
	defer os.RemoveAll(work)
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	log, done, err := r.log(folder)
	if err != nil {
		return err
	}
	defer done()
	show := r.screen(p)
	interrupted.show.Store(show)
	e, runs, err := experiment.Run(hard, p, experiment.Options{
		Folder: folder, Work: work, Server: []string{program, serverCommand}, Remote: r.remote, Command: r.command(asked),
		Version: version(), Events: show.Event, Stop: interrupted.stop, Log: log,
	})
	if err != nil && len(runs) == 0 {
		show.Close()
		if interrupted.count.Load() > 0 {
			return status(Interrupted)
		}
		return err
	}
	written := report.Write(folder.Dir)
	if noSummary := errors.Is(written, fs.ErrNotExist) && err != nil; written != nil && !noSummary { // why there is none is known
		err = errors.Join(err, written)
	}
	show.Close()
	if err != nil {
		r.process.statusOf(err) // says it
	}
	return r.ending(e, runs, folder, err, interrupted.count.Load() > 0)
}

// folder is where results go.
func (r *running) folder(p *plan.Plan) string {
	if r.out != "" {
		return r.out
	}
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails
	name := time.Now().UTC().Format("2006-01-02T15-04-05Z") + "-" + p.Name + "-" + hex.EncodeToString(id[:])
	return filepath.Join("runs", name)
}

// log is that of the experiment, in the folder of its results.
func (r *running) log(f *result.Folder) (log *slog.Logger, done func(), err error) {
	file, err := os.OpenFile(filepath.Join(f.Dir, "log.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("log: %w", err)
	}
	level := slog.LevelInfo
	if r.debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: level})), func() { _ = file.Close() }, nil
}

func (r *running) screen(p *plan.Plan) *screen.Screen {
	o := screen.Options{JSON: r.json, Quiet: r.quiet, Plan: p.Name}
	w := r.process.Stderr
	if r.json {
		w = r.process.Stdout
	}
	if file, is := w.(*os.File); is && term.IsTerminal(int(file.Fd())) {
		o.Terminal, o.Color = true, colored(r.process.Environ)
	}
	return screen.New(w, o)
}

// colored reports whether colours are welcome on a terminal, as no-color.org has it.
func colored(environ []string) bool {
	return !slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "NO_COLOR=") && v != "NO_COLOR=" })
}

// Interruptions are the signals that came while an experiment ran: the first lets the run in hand be the last, a second breaks
// off.
type interruptions struct {
	stop  chan struct{} // closed by the first
	count atomic.Int64
	show  atomic.Pointer[screen.Screen] // what is shown meanwhile; nil: nothing yet
	done  func()                        // no more are waited for
}

// say says something about an interruption, where it can be read.
func (r *running) say(i *interruptions, text string) {
	if show := i.show.Load(); show == nil || !show.Say(text) {
		_, _ = fmt.Fprintln(r.process.Stderr, text)
	}
}

// interruptible gives a context that the second signal ends.
func (r *running) interruptible(ctx context.Context) (context.Context, *interruptions) {
	ctx, cancel := context.WithCancel(ctx)
	came, i := make(chan os.Signal, 2), &interruptions{stop: make(chan struct{})}
	signal.Notify(came, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(came, syscall.SIGHUP)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for range came {
			switch i.count.Add(1) {
			case 1:
				r.say(i, "marconi-bench: stopping after this run; once more breaks it off")
				close(i.stop)
			case 2:
				r.say(i, "marconi-bench: breaking off, cleaning up")
				cancel()
			}
		}
	})
	i.done = func() {
		signal.Stop(came)
		close(came)
		waiting.Wait()
		cancel()
	}
	return ctx, i
}

// inURL is what an address has before its host: a name and a password.
var inURL = regexp.MustCompile(`://[^\s/]*@`)

// command is what repeats the experiment, without its secrets. Asked is the plan; "": all of the arguments are.
func (r *running) command(asked string) []string {
	all := []string{"marconi-bench"}
	switch asked {
	case "":
		for _, arg := range r.process.Args {
			all = append(all, inURL.ReplaceAllString(arg, "://hidden@"))
		}
		return all
	case "smoke":
	default:
		all = append(all, "run", asked)
	}
	if r.scale != "" {
		all = append(all, "--scale", r.scale)
	}
	for _, host := range r.remote {
		all = append(all, "--allow-remote", host)
	}
	return all
}

// ending says what came of an experiment, in ten lines, and what the exit status is.
func (r *running) ending(e *result.Experiment, runs []*result.Run, f *result.Folder, err error, interrupted bool) error {
	w := r.process.Stdout
	if r.json {
		w = r.process.Stderr
	}
	conclude(w, e, runs, f.Dir)
	violated, broken, unfit := false, false, false
	for _, run := range runs {
		violated = violated || violates(run)
		broken = broken || run.Partial
		unfit = unfit || run.Status == result.InvalidGenerator
	}
	switch {
	case interrupted:
		return status(Interrupted)
	case violated:
		return status(Violated)
	case broken || errors.Is(err, target.ErrUnreachable):
		return status(Unreachable)
	case err != nil:
		return status(Usage)
	case unfit:
		return status(Unfit)
	}
	return nil
}

// violates reports whether a run proves a fault. One that broke off leaves things undecided, and that proves none.
func violates(r *result.Run) bool {
	if !r.Partial {
		return !r.Ledger.OK || r.Status == result.Invalid
	}
	for _, n := range r.Ledger.Classes {
		if n > 0 {
			return true
		}
	}
	return false
}

// conclude writes the ten lines.
func conclude(w io.Writer, e *result.Experiment, runs []*result.Run, dir string) {
	for _, line := range conclusion(e, runs) {
		_, _ = fmt.Fprintln(w, line)
	}
	_, _ = fmt.Fprintln(w, "report      "+filepath.Join(dir, "report.html"))
}
