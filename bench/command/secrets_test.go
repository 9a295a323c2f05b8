package command

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// watchFor looks for secrets in the arguments of all processes, and in the files of some folders, until it is told to end; that gives
// where there were any.
func watchFor(secrets []string, folders ...string) (end func() []string) {
	found, done := map[string]bool{}, make(chan struct{})
	var looking sync.WaitGroup
	look := func(name string) {
		text, err := os.ReadFile(name)
		for _, s := range secrets {
			if err == nil && bytes.Contains(text, []byte(s)) {
				found[fmt.Sprintf("%s: %.200q", name, text)] = true
			}
		}
	}
	once := func() {
		names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, name := range names {
			look(name)
		}
		for _, folder := range folders {
			_ = filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error { // they come and go
				if err == nil && entry.Type().IsRegular() {
					look(name)
				}
				return nil
			})
		}
	}
	looking.Go(func() {
		for {
			once()
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return func() (all []string) {
		close(done)
		looking.Wait()
		once()
		for where := range found {
			all = append(all, where)
		}
		return all
	}
}

// The password of a store that is started is in no file, no output and no process's arguments: not of a run in which the store is killed and
// started again, nor in the error of one that does not start.
func TestSecretsOfAStoreAreKept(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip(err)
	}
	const password, odd, account = "pa55phrase-of-redis", `od"d \ phrase-of-redis`, "pa55phrase-of-swift"
	planOf := func(start, extra string) string {
		return fmt.Sprintf(`plan: secret
targets: [{name: store, start: {%s}, api: [1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 2%s}]
load: {rates: [50], connections: 16, timeout: 2s}
time: {warmup: 0s, duration: 1200ms, drain: 10s, cooldown: 0s, repeats: 1}
`, start, extra)
	}
	for name, test := range map[string]struct {
		text    string
		environ string
		want    int
		secrets []string
		says    string // the beginning of the backend's figures, or a part of the error
	}{
		"run": {
			planOf(`backend: redis, settings: {requirepass: `+password+`, appendonly: "yes", appendfsync: always}`, ", faults: [{at: 400ms, do: kill, to: backend, for: 10ms}]"),
			"", Fine, []string{password}, "used_memory_bytes",
		},
		"odd": {planOf(`backend: redis, settings: {requirepass: '`+odd+`'}`, ""), "", Fine, []string{odd, "phrase-of-redis"}, "used_memory_bytes"},
		"does not start": {
			planOf(`backend: redis, settings: {nonsensepassword: '`+odd+`'}`, ""), "", Unreachable, []string{"phrase-of-redis"}, "nonsensepassword",
		},
		"account": {planOf("backend: swift", ""), "MARCONI_BENCH_SWIFT=swift://tester:" + account + "@127.0.0.1:1/test?auth=v1", Unreachable, []string{account}, "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := planFile(t, t.TempDir(), test.text)
			temp := t.TempDir()
			end := watchFor(test.secrets, dir, temp)
			p := launchWith(t, dir, temp, []string{test.environ}, "run", file, "--out", "results", "--debug")
			status := p.wait(t)
			out := p.out.String() + p.err.String()
			for _, where := range end() {
				if name != "does not start" || !strings.HasPrefix(where, temp) { // what Redis says is kept until it is told
					t.Errorf("a secret is in %s", where)
				}
			}
			for _, s := range test.secrets {
				if strings.Contains(out, s) {
					t.Errorf("a secret is told: %s", out)
				}
			}
			if status != test.want && (test.want != Fine || status != Unfit) {
				t.Fatalf("exit status %d, want %d: %s", status, test.want, out)
			}
			if test.want != Fine {
				if !strings.Contains(out, test.says) {
					t.Errorf("it does not say what is wrong: %s", out)
				}
				return
			}
			all, err := (&result.Folder{Dir: filepath.Join(dir, "results")}).Runs()
			if err != nil || len(all) != 1 || !all[0].Ledger.OK {
				t.Fatalf("%d runs, %v: %s", len(all), err, out)
			}
			for _, r := range all[0].Resources {
				if r.Name == "backend" && r.Extra[test.says] == 0 {
					t.Errorf("the figures of the backend are %v", r.Extra)
				}
			}
		})
	}
}

// A plan that was read from where its secrets are hidden is not gone on with, unless nobody else knows them.
func TestPlansWithoutTheirSecretsAreKnown(t *testing.T) {
	for target, want := range map[string]bool{
		`url: "http://127.0.0.1:1"`:                                       false,
		`url: "http://me:sesame@127.0.0.1:1"`:                             true,
		`url: "http://127.0.0.1:1", auth: {token: sesame}`:                true,
		`start: {backend: redis, settings: {requirepass: sesame}}`:        false,
		`start: {backend: memory, config: {smtp_password: sesame}}`:       true,
		`start: {backend: memory, config: {log_level: debug}}`:            false,
		`start: {backend: memory, config: {hook: "smtp://a:b@host/"}}`:    true,
		`start: {backend: memory, config: {mail_from: "me@example.org"}}`: false,
	} {
		text := strings.Replace(short, "start: {backend: memory}", target, 1)
		p, err := plan.Parse("test", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		again, err := plan.Parse("test", p.Effective())
		if err != nil {
			t.Fatal(err)
		}
		if got := hidden(again); got != want {
			t.Errorf("%s, read back, is without its secrets: %v, want %v", target, got, want)
		}
	}
}
