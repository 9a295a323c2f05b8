//go:build unix

package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/drivers"
	"github.com/marconi-mq/marconi/storage/redis/upstream/upstreamtest"
)

// command runs the program to its end.
func command(t *testing.T, environ []string, args ...string) (status int, out, err string) {
	t.Helper()
	p := start(t, append(environ[:len(environ):len(environ)], "HOME="+t.TempDir()), args...)
	status = p.wait(t)
	return status, p.out.String(), p.err.String()
}

// aSource is a Redis with two queues in it, as OpenStack's service leaves them.
func aSource(t *testing.T) (uri string, w *upstreamtest.Writer) {
	t.Helper()
	server := testservices.StartRedis(t)
	w = upstreamtest.New(t, server.Address)
	w.Queue("p", "jobs", map[string]any{"owner": "ops"})
	ids := w.Post("p", "jobs", upstreamtest.Message{Body: map[string]any{"n": 1}}, upstreamtest.Message{Body: "two"},
		upstreamtest.Message{Body: "over", Left: -time.Second}, upstreamtest.Message{Body: "gone"})
	w.Do("DEL", ids[3])
	w.Claim("p", "jobs", time.Minute, ids[1])
	w.Queue("other", "jobs", nil)
	w.Post("other", "jobs", upstreamtest.Message{Body: "other's"})
	w.Flush()
	return "redis://" + server.Address, w
}

const sourceText = `        2 queues imported
        3 messages imported
        1 of them under a claim, and free now
        1 claims under way, which end here
        1 messages left out: expired
        1 IDs left out: their messages are gone
`

// What was imported is served by a server on the same store.
func TestImport(t *testing.T) {
	from, _ := aSource(t)
	file := filepath.Join(t.TempDir(), "new.db")
	home := "HOME=" + t.TempDir()

	status, out, said := command(t, []string{home}, "import", "--from", from, "--to", "sqlite:///"+file, "--dry-run")
	if want := strings.ReplaceAll(sourceText, "imported", "to import"); status != ok || out != want || said != "" {
		t.Errorf("the dry run: status %d, prints\n%s%s\nwant\n%s", status, out, said, want)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the dry run has made the store")
	}

	status, out, said = command(t, []string{home}, "import", "--from", from, "--to", "sqlite:///"+file)
	if status != ok || out != sourceText || said != "" {
		t.Fatalf("the import: status %d, prints\n%s%s\nwant\n%s", status, out, said, sourceText)
	}
	status, out, said = command(t, []string{home}, "import", "--from", from, "--to", "sqlite:///"+file, "--json")
	var counts struct {
		DryRun                                           bool `json:"dry_run"`
		Queues, Messages, Claimed, Claims, Expired, Gone int
	}
	if err := json.Unmarshal([]byte(out), &counts); err != nil || status != ok || counts.DryRun ||
		fmt.Sprint(counts) != "{false 2 3 1 1 1 1}" || strings.Count(out, "\n") != 1 {
		t.Errorf("a second one, as JSON: status %d, %q %s, %v", status, out, said, err)
	}

	p := start(t, nil, "--listen", "127.0.0.1:0", "--store", "sqlite:///"+file)
	base := p.base(t)
	for path, want := range map[string]string{
		"/v1.1/queues/jobs":                            `{"owner":"ops"}`,
		"/v1.1/queues/jobs/messages?echo=true":         `"body":{"n":1}`,
		"/v1.1/queues/jobs/stats":                      `"total":2`,
		"/v1.1/queues/jobs/messages?echo=true&limit=1": `"ttl":`,
	} {
		if got := get(t, base+path, "p"); !strings.Contains(got, want) {
			t.Errorf("GET %s gives %s, want %s", path, got, want)
		}
	}
	if got := get(t, base+"/v1.1/queues/jobs/messages?echo=true", "other"); !strings.Contains(got, `"other's"`) || strings.Contains(got, "two") {
		t.Errorf("the other project has %s", got)
	}
}

func get(t *testing.T, url, project string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734d")
	r.Header.Set("X-Project-ID", project)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var b strings.Builder
	if err := answer.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The URIs may come from the environment, the projects be chosen, and the state be anywhere.
func TestImportOptions(t *testing.T) {
	from, _ := aSource(t)
	dir := t.TempDir()
	environ := []string{"MARCONI_IMPORT_FROM=" + from, "MARCONI_IMPORT_TO=sqlite:///" + dir + "/data.db"}
	state := filepath.Join(dir, "state")
	status, out, said := command(t, environ, "import", "--to-control", "sqlite:///"+dir+"/control.db", "--state", state, "--project", "other")
	if status != ok || out != "        1 queues imported\n        1 messages imported\n" || said != "" {
		t.Errorf("status %d, %s%s", status, out, said)
	}
	for _, file := range []string{"data.db", "control.db", "state"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
	// The rest, with the same state: it is that of another import.
	status, _, said = command(t, environ, "import", "--to-control", "sqlite:///"+dir+"/control.db", "--state", state)
	if status != unusable || !strings.Contains(said, "other projects") || !strings.Contains(said, "--state") {
		t.Errorf("with the state of another import: status %d, %s", status, said)
	}
	status, out, said = command(t, environ, "import", "--to-control", "sqlite:///"+dir+"/control.db", "--state", state+"2")
	if status != incomplete || !strings.Contains(out, "1 queues left out: the store had them already") || !strings.Contains(said, "queue-exists") {
		t.Errorf("with a new state: status %d, %s%s", status, out, said)
	}
	status, _, said = command(t, environ, "import", "--to-control", "sqlite:///"+dir+"/foreign.db")
	if status != unusable || !strings.Contains(said, "another control store") || !strings.Contains(said, "--to-control") {
		t.Errorf("with a control store that isn't the data's: status %d, %s", status, said)
	}
}

// What can't be imported is named, and the exit status says that there was some.
func TestImportIncomplete(t *testing.T) {
	from, w := aSource(t)
	damaged := make([]upstreamtest.Message, 50)
	for i := range damaged {
		damaged[i].Packed = "\xc1"
	}
	w.Queue("q", "torn", nil)
	ids := w.Post("q", "torn", damaged...)
	w.Flush()
	status, out, said := command(t, nil, "import", "--from", from, "--to", "sqlite:///"+t.TempDir()+"/new.db")
	if status != incomplete || !strings.Contains(out, "50 damaged: message-body") || !strings.Contains(out, "3 queues imported") {
		t.Errorf("status %d, %s", status, out)
	}
	if !strings.Contains(said, ids[0]) || strings.Contains(said, ids[49]) || strings.Count(said, "\n") != mostProblems+1 {
		t.Errorf("it says %s", said)
	}
}

func TestWhatKeepsImportFromStarting(t *testing.T) {
	server := testservices.StartRedis(t)
	from, to := "redis://"+server.Address, "sqlite:///"+t.TempDir()+"/new.db"
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"nothing to import":        {[]string{"--from", from, "--to", to}, []string{"no queues", server.Address, "dbid"}},
		"no source":                {[]string{"--to", to}, []string{"--from", "MARCONI_IMPORT_FROM"}},
		"no target":                {[]string{"--from", from}, []string{"--to", "MARCONI_IMPORT_TO"}},
		"an argument":              {[]string{"redis://h"}, []string{"redis://h", "import --help"}},
		"a flag that isn't":        {[]string{"--form", from}, []string{"--form", "--help"}},
		"a source of another kind": {[]string{"--from", "mongodb://u:hunter2@h", "--to", to}, []string{"--from", "redis:"}},
		"a store that isn't built": {[]string{"--from", from, "--to", "mongodb://u:hunter2@h"}, []string{"--to", "sqlite:"}},
		"a store that forgets":     {[]string{"--from", from, "--to", "memory://"}, []string{"--to", "forgets"}},
		"one in SQLite":            {[]string{"--from", from, "--to", "sqlite:///:memory:"}, []string{"--to", "forgets"}},
		"nobody at the source":     {[]string{"--from", "redis://u:hunter2@127.0.0.1:1", "--to", to}, []string{"127.0.0.1:1", "refused"}},
		"nobody at the target":     {[]string{"--from", from, "--to", "redis://u:hunter2@127.0.0.1:1"}, []string{"127.0.0.1:1", "refused"}},
		"a cluster":                {[]string{"--from", "redis://a,b?cluster=true", "--to", to}, []string{"cluster"}},
		"a project too long":       {[]string{"--from", from, "--to", to, "--project", strings.Repeat("x", 257)}, []string{"--project", "256"}},
		"a state that can't be":    {[]string{"--from", from, "--to", to, "--state", "/nowhere/state"}, []string{"/nowhere/state", "--state"}},
		"a folder for a target":    {[]string{"--from", from, "--to", "sqlite:////nowhere/x.db"}, []string{"/nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, said := command(t, nil, append([]string{"import"}, row.args...)...)
			if status != unusable || out != "" || strings.Contains(said, "hunter2") || strings.Count(said, "\n") > 2 {
				t.Errorf("status %d, prints %q and says %q", status, out, said)
			}
			for _, want := range row.want {
				if !strings.Contains(said, want) {
					t.Errorf("it says %q, without %q", said, want)
				}
			}
		})
	}
}

// A program whose list of sources is empty has no such command.
func TestImportNeedsSources(t *testing.T) {
	var out, said lockedBuffer
	status := Run(t.Context(), drivers.All(), Process{Args: []string{"import"}, Stdout: &out, Stderr: &said})
	if status != unusable || !strings.Contains(said.String(), `"import" is no flag`) {
		t.Errorf("status %d, %s", status, said.String())
	}
}

// imported tells what is wrong with a store that should hold so many queues with so many numbered messages, and nothing else.
func imported(t *testing.T, uri string, queues, messages int) {
	t.Helper()
	stores := storage.NewRegistry(drivers.All())
	defer func() {
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
	}()
	opened, err := stores.Open(t.Context(), uri, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range queues {
		q, err := opened.Control.Queue(t.Context(), marconi.QueueKey{Project: "p", Name: marconi.QueueName(fmt.Sprintf("q%03d", i))})
		if err != nil || string(q.Metadata) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Fatalf("queue %d: %+v, %v", i, q, err)
		}
		page, err := opened.Data.List(t.Context(), q.QueueRef, marconi.Listing{Limit: messages + 1, Echo: true})
		if err != nil || len(page.Items) != messages {
			t.Fatalf("queue %d holds %d messages, %v; want %d", i, len(page.Items), err, messages)
		}
		for n, m := range page.Items {
			if string(m.Body) != fmt.Sprint(n) {
				t.Fatalf("message %d of queue %d is %s", n, i, m.Body)
			}
		}
	}
	if v, err := opened.Data.Volume(t.Context()); err != nil || v.Total != int64(queues*messages) {
		t.Errorf("the store holds %+v, %v; want %d messages", v, err, queues*messages)
	}
}
