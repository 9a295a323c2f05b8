//go:build unix

package upstream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/redis/upstream/upstreamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin starts a server to be written to.
func begin(t *testing.T) (*testservices.Redis, *upstreamtest.Writer) {
	t.Helper()
	server := testservices.StartRedis(t)
	return server, upstreamtest.New(t, server.Address)
}

// An outcome is what an import has led to.
type outcome struct {
	counts   importer.Counts
	problems []string
	err      error
	control  marconi.ControlStore
	data     marconi.DataStore
	t        *testing.T
}

// importAll imports all that is at uri, after a dry run that has to count the same.
func importAll(t *testing.T, uri string, projects ...marconi.Project) *outcome {
	t.Helper()
	dry, err := Open(t.Context(), uri, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	counted, dryErr := importer.Run(t.Context(), dry, importer.Target{}, importer.Options{DryRun: true, Projects: projects})
	dry.Close()

	o := newOutcome(t)
	source, err := Open(t.Context(), uri, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	o.run(source, projects...)
	if got, want := show(counted), show(o.counts); got != want || (dryErr == nil) != (o.err == nil) {
		t.Errorf("the dry run counts %s, %v; the import %s, %v", got, dryErr, want, o.err)
	}
	return o
}

// newOutcome has an empty store to import into.
func newOutcome(t *testing.T) *outcome {
	t.Helper()
	opened, err := memory.Open(t.Context(), "memory://", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = opened.Data.Close()
		_ = opened.Control.Close()
	})
	return &outcome{control: opened.Control, data: opened.Data, t: t}
}

func (o *outcome) run(source importer.Source, projects ...marconi.Project) {
	o.counts, o.err = importer.Run(o.t.Context(), source, importer.Target{Control: o.control, Data: o.data}, importer.Options{
		Journal: o.t.TempDir() + "/journal", Projects: projects,
		Problem: func(p importer.Problem) { o.problems = append(o.problems, p.String()) },
	})
}

// show is counts as text: those that are not zero.
func show(c importer.Counts) string {
	unlisted := ""
	if c.Unlisted != nil {
		unlisted = fmt.Sprint(*c.Unlisted)
	}
	c.Unlisted = nil
	var parts []string
	for part := range strings.FieldsSeq(strings.Trim(fmt.Sprintf("%+v", c), "{}")) {
		if !strings.HasSuffix(part, ":0") && !strings.HasSuffix(part, ":map[]") && part != "Unlisted:<nil>" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, "Unlisted:"+unlisted), " ")
}

// want holds that the import ended well, and counted this.
func (o *outcome) want(counts string) {
	o.t.Helper()
	if got := show(o.counts); o.err != nil || got != counts {
		o.t.Errorf("the import counts\n%s, %v; want\n%s\nproblems: %s", got, o.err, counts, strings.Join(o.problems, "\n"))
	}
}

// wantProblem holds that something with all of these words was reported.
func (o *outcome) wantProblem(words ...string) {
	o.t.Helper()
	if !slices.ContainsFunc(o.problems, func(p string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(p, w) })
	}) {
		o.t.Errorf("no problem with %q, but\n%s", words, strings.Join(o.problems, "\n"))
	}
}

// messages are those of a queue, in order.
func (o *outcome) messages(project marconi.Project, queue marconi.QueueName) []marconi.Message {
	o.t.Helper()
	q, err := o.control.Queue(o.t.Context(), marconi.QueueKey{Project: project, Name: queue})
	if err != nil {
		o.t.Errorf("queue %q of project %q: %v", queue, project, err)
		return nil
	}
	var all []marconi.Message
	l := marconi.Listing{Limit: 1000, Echo: true, IncludeDelayed: true, IncludeClaimed: true}
	for {
		page, err := o.data.List(context.Background(), q.QueueRef, l)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return all
		}
		all, l.Marker = append(all, page.Items...), page.Next
	}
}

// bodies are the bodies of a queue's messages, in order.
func (o *outcome) bodies(project marconi.Project, queue marconi.QueueName) string {
	o.t.Helper()
	var all []string
	for _, m := range o.messages(project, queue) {
		all = append(all, string(m.Body))
	}
	return strings.Join(all, " ")
}

func (o *outcome) metadata(project marconi.Project, queue marconi.QueueName) string {
	o.t.Helper()
	q, err := o.control.Queue(o.t.Context(), marconi.QueueKey{Project: project, Name: queue})
	if err != nil {
		return err.Error()
	}
	return string(q.Metadata)
}
