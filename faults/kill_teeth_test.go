//go:build unix

package faults

import (
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/ledger/linear"
	_ "modernc.org/sqlite" // the driver
)

// A killHarm is what is done to the server's file while the server is down, which the ledger has to find out.
type killHarm struct {
	name    string
	prepare func(t *testing.T, file string) // at the first kill; or nil
	do      func(t *testing.T, file string) // at the second
	// only is all that the ledger may find, if the harm is known so exactly; else it has to find some of class.
	only  map[ledger.Class]int64
	class ledger.Class
}

// The judges of TestKill see what a server would do that keeps its promises badly.
func TestKillHasTeeth(t *testing.T) {
	for _, harm := range []killHarm{
		{name: "a message is lost", do: killSQL(
			`DELETE FROM messages WHERE (qid, seq) IN (SELECT qid, min(seq) FROM messages WHERE qid IN `+killKept+`)`,
			`UPDATE data_queues SET n_total = n_total - 1 WHERE name = 'kept'`),
			only: map[ledger.Class]int64{ledger.Lost: 1}},
		{name: "a message is doubled", do: killSQL(
			`CREATE TEMP TABLE double AS SELECT * FROM messages WHERE qid IN `+killKept+` ORDER BY seq LIMIT 1`,
			`UPDATE data_queues SET n_total = n_total + 1, last_seq = last_seq + 1 WHERE name = 'kept'`,
			`INSERT INTO bodies (id, body) SELECT 1 + (SELECT max(id) FROM bodies), body FROM bodies WHERE id IN (SELECT body FROM double)`,
			`UPDATE double SET seq = (SELECT last_seq FROM data_queues WHERE name = 'kept'), body = (SELECT max(id) FROM bodies)`,
			`INSERT INTO messages SELECT * FROM double`),
			only: map[ledger.Class]int64{ledger.Phantom: 1}},
		{name: "claims are forgotten", do: killSQL(
			`UPDATE messages SET hold = 0`, `DELETE FROM holds`, `UPDATE data_queues SET n_claimed = 0`),
			class: ledger.Overlapped},
		{name: "the last commits are undone", prepare: killCopy("", ".then"), do: killCopy(".then", ""), class: ledger.Lost},
	} {
		t.Run(harm.name, func(t *testing.T) { harm.run(t) })
	}
}

func (harm killHarm) run(t *testing.T) {
	r := newKillRun(t)
	r.start()
	r.begin(t.Context())
	for _, do := range []func(*testing.T, string){harm.prepare, harm.do} {
		r.load(100*time.Millisecond, 200*time.Millisecond)
		r.kill()
		if do != nil {
			do(t, r.file)
		}
		r.start()
	}
	r.load(100*time.Millisecond, 200*time.Millisecond)
	r.finish()

	v := r.l.Verdict()
	t.Log(v)
	switch {
	case harm.only != nil && !maps.Equal(v.Faults, harm.only):
		t.Errorf("the ledger finds %v, want %v: %s", v.Faults, harm.only, v.Report())
	case harm.only == nil && v.Faults[harm.class] == 0:
		t.Errorf("the ledger finds %v, want some %s: %s", v.Faults, harm.class, v.Report())
	}
	if got := linear.CheckClaims(r.l.History(), linear.Options{Grain: workloadGrain}); got.OK() {
		t.Errorf("there is an order for what was done to each of %d messages", got.Messages)
	}
}

const killKept = `(SELECT id FROM data_queues WHERE name = 'kept')`

// killSQL carries out statements on the file, in one transaction.
func killSQL(statements ...string) func(*testing.T, string) {
	return func(t *testing.T, file string) {
		t.Helper()
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// killCopy copies the database and its log, from a name with one suffix to one with another.
func killCopy(from, to string) func(*testing.T, string) {
	return func(t *testing.T, file string) {
		t.Helper()
		for _, part := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(file + to + part); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if part == "-shm" { // an index of the log, which is made anew
				continue
			}
			content, err := os.ReadFile(filepath.Clean(file + from + part))
			if err == nil {
				err = os.WriteFile(file+to+part, content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
