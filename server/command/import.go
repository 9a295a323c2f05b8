package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/importer"
)

// Where URIs may stand that have passwords in them, which other users of the machine can read on a command line.
const (
	fromVariable = "MARCONI_IMPORT_FROM"
	toVariable   = "MARCONI_IMPORT_TO"
)

// An importing is one call of the command import.
type importing struct {
	drivers storage.Drivers
	sources importer.Sources
	process Process

	from, to, toControl string
	state               string
	projects            []string
	dryRun, json        bool
}

func importCommand(i *importing, status *int) *cobra.Command {
	c := &cobra.Command{
		Use:   "import --from URI --to URI",
		Short: "Import queues and messages from OpenStack's service",
		Long: `Import queues and messages that OpenStack Zaqar (before: Marconi) has written to Redis.

Stop its servers first: the source is only read, and what changes there behind the import is not brought along.
Interrupted, by Ctrl-C or a crash, the same command goes on: no message is lost or doubled.

Messages keep order, body and client; what they had to live becomes their TTL. Their IDs are new, and claimed ones are free.
The URIs may also stand in ` + fromVariable + ` and ` + toVariable + `, where others don't see a password.

Exit status: 0 all is there; 3 done, but something could not be imported, and is named; 1 interrupted: run it again; 2 nothing was begun.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no flag, and nothing else is taken: see import --help", config.Redact(args[0]))
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&i.from, "from", "", "`URI` of the Redis to read: redis:, rediss:, as in OpenStack's configuration")
	f.StringVar(&i.to, "to", "", "`URI` of the store to import into, as for --store")
	f.StringVar(&i.toControl, "to-control", "", "`URI` of the store of queues, if it is another, as for --control-store")
	f.StringVar(&i.state, "state", "", "`file` that keeps what is done, by default one in the data folder; keep it until all is done")
	f.StringArrayVar(&i.projects, "project", nil, "import this `project` alone; may be given several times, \"\" is the one without a name")
	f.BoolVar(&i.dryRun, "dry-run", false, "read all and count, write nothing; --to is not opened")
	f.BoolVar(&i.json, "json", false, "print the counts as JSON")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		*status, err = i.run(c.Context())
		return err
	}
	return c
}

// run imports, and gives the exit status.
func (i *importing) run(ctx context.Context) (int, error) {
	projects, err := i.check()
	if err != nil {
		return unusable, err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its usual effect: the end

	o := storage.Options{Logger: slog.New(slog.NewTextHandler(i.process.Stderr, nil)), CallTime: time.Minute} // nobody waits
	source, err := i.sources[scheme(i.from)](ctx, i.from, o)
	if err != nil {
		return unopened(ctx, err)
	}
	defer source.Close()
	target, stores, err := i.target(ctx, o)
	if err != nil {
		return unopened(ctx, errors.Join(err, stores.Close()))
	}
	status, err := i.move(ctx, source, target, projects)
	return status, errors.Join(err, stores.Close())
}

// unopened is the end of an import that has not begun.
func unopened(ctx context.Context, err error) (int, error) {
	if ctx.Err() != nil {
		return failed, errors.New("interrupted before anything was imported")
	}
	return unusable, err
}

// move imports from a source that is open into a target that is.
func (i *importing) move(ctx context.Context, source importer.Source, target importer.Target, projects []marconi.Project) (int, error) {
	show := newImportProgress(i.process.Stderr)
	o := importer.Options{Projects: projects, DryRun: i.dryRun, Progress: show.progress, Problem: show.problem}
	if !i.dryRun {
		var err error
		if o.Journal, err = i.journal(ctx, target, source.Place()); err != nil {
			return unopened(ctx, err)
		}
	}
	counts, err := importer.Run(ctx, source, target, o)
	show.end()
	if err != nil {
		return i.explain(ctx, err, counts, o.Journal)
	}
	if err := i.print(counts); err != nil {
		return failed, err
	}
	if counts.LeftOut() > 0 {
		return incomplete, nil
	}
	return ok, nil
}

// check reads what was given.
func (i *importing) check() ([]marconi.Project, error) {
	for _, one := range []struct {
		uri            *string
		flag, variable string
	}{{&i.from, "--from", fromVariable}, {&i.to, "--to", toVariable}} {
		if *one.uri == "" {
			*one.uri = lookup(i.process.Environ, one.variable)
		}
		if *one.uri == "" && (one.flag == "--from" || !i.dryRun) {
			return nil, fmt.Errorf("say %s, or set %s: see import --help", one.flag, one.variable)
		}
	}
	if i.sources[scheme(i.from)] == nil {
		return nil, fmt.Errorf("--from: a URI begins with one of %s", schemes(i.sources))
	}
	for _, uri := range []string{i.to, i.toControl} {
		if uri != "" && i.drivers[scheme(uri)] == nil {
			return nil, fmt.Errorf("--to: a URI begins with one of %s", schemes(i.drivers))
		}
		if scheme(uri) == "memory" || strings.HasSuffix(uri, ":memory:") {
			return nil, fmt.Errorf("--to %s forgets all when this command ends: name a store that keeps it", uri)
		}
	}
	projects := make([]marconi.Project, len(i.projects))
	for n, text := range i.projects {
		var err error
		if projects[n], err = marconi.ParseProject(text); err != nil {
			return nil, fmt.Errorf("--project: %w", err)
		}
	}
	slices.Sort(projects)
	return slices.Compact(projects), nil
}

func scheme(uri string) string {
	scheme, _, _ := strings.Cut(uri, ":")
	return strings.ToLower(scheme)
}

func schemes[T any](by map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(by)), ":, ") + ":"
}

// target opens the stores to import into, but for a dry run. The registry is to be closed, also beside an error.
func (i *importing) target(ctx context.Context, o storage.Options) (importer.Target, *storage.Registry, error) {
	stores := storage.NewRegistry(i.drivers)
	if i.dryRun {
		return importer.Target{}, stores, nil
	}
	o.Embedded = func() (string, error) { return ownStore(i.process.Environ) }
	p, err := stores.OpenPlanes(ctx, i.to, i.toControl, o)
	i.toControl = p.ControlURI
	return importer.Target{Control: p.Control, Data: p.Data}, stores, err
}

// journal is the path of the file that keeps what is done: one that only an import from that place to that store has.
func (i *importing) journal(ctx context.Context, t importer.Target, place string) (string, error) {
	if i.state != "" {
		return i.state, nil
	}
	id, err := t.Control.ID(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the control store's ID: %w", err)
	}
	folder, err := dataFolder(i.process.Environ)
	if err != nil {
		return "", fmt.Errorf("%w; and a file with --state", err)
	}
	folder = filepath.Join(folder, "marconi")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make the data folder: %w: name a file with --state", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", place, id, i.projects))
	return filepath.Join(folder, "import-"+hex.EncodeToString(sum[:6])+".journal"), nil
}

// explain says what to do about the error of an import, and gives the exit status.
func (i *importing) explain(ctx context.Context, err error, c importer.Counts, journal string) (int, error) {
	switch {
	case errors.Is(err, importer.ErrNothing):
		return unusable, fmt.Errorf("%w: are the host and dbid right? it reads what OpenStack's Redis driver has written, and nothing else", err)
	case errors.Is(err, marconi.ErrForeignData):
		return unusable, fmt.Errorf("%s holds messages of another control store than %s: name that one with --to-control",
			config.Redact(i.to), config.Redact(i.toControl))
	case errors.Is(err, marconi.ErrForeignPart):
		return unusable, err
	case errors.Is(err, importer.ErrJournal):
		return unusable, fmt.Errorf("%w (--state)", err)
	case i.dryRun && ctx.Err() != nil:
		return failed, errors.New("interrupted")
	case i.dryRun:
		return failed, err
	case ctx.Err() != nil:
		return failed, fmt.Errorf("interrupted: %d queues are done, as %s says; the same command again goes on", c.Queues, journal)
	}
	return failed, fmt.Errorf("%w\n%d queues are done, as %s says; the same command again goes on", err, c.Queues, journal)
}

// print writes the counts to standard output.
func (i *importing) print(c importer.Counts) error {
	if i.json {
		text, err := json.Marshal(struct {
			DryRun bool `json:"dry_run"`
			importer.Counts
		}{i.dryRun, c})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(i.process.Stdout, "%s\n", text)
		return err
	}
	_, err := i.process.Stdout.Write(countsText(c, i.dryRun))
	return err
}
