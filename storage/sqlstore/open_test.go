package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

func uriOf(path string) string { return "sqlite:///" + path }

func wantOpenError(t *testing.T, uri string, wants ...string) {
	t.Helper()
	s, err := OpenSQLite(t.Context(), uri, storage.Options{})
	if err == nil {
		mustClose(t, s)
		t.Fatalf("OpenSQLite(%q) succeeded, want an error", uri)
	}
	for _, want := range append(wants, uri) {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("OpenSQLite(%q): %v\nwant %q in it", uri, err, want)
		}
	}
}

// newDatabase is a file that a store has made and left.
func newDatabase(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "marconi.db")
	mustClose(t, mustOpen(t, uriOf(path), storage.Options{}))
	return path
}

func mustExec(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

func mustWrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestOpenRefusesAPlaceThatCannotBe(t *testing.T) {
	folder := t.TempDir()
	mustWrite(t, filepath.Join(folder, "file"), []byte("x"))
	wantOpenError(t, uriOf(folder+"/none/marconi.db"), folder+"/none does not exist", "make it")
	wantOpenError(t, uriOf(folder+"/file/marconi.db"), folder+"/file")
	wantOpenError(t, uriOf(folder), folder, "is a directory")
	wantOpenError(t, "sqlite://"+folder[1:]+"/marconi.db", "four before an absolute one")
	wantOpenError(t, uriOf(folder+"/marconi.db?sync=off"), `no option "sync"`)
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("what could not be opened left behind %v, %v", entries, err)
	}
}

// A file is one store's, by whatever name it is opened.
func TestOpenKnowsAFileByItsOtherNames(t *testing.T) {
	folder := t.TempDir()
	there := filepath.Join(folder, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	link := func(target, name string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.Symlink(target, path); err != nil {
			t.Skip(err)
		}
		return path
	}
	path := filepath.Join(there, "marconi.db")
	early := link(filepath.Join("there", "marconi.db"), "early.db") // leads nowhere yet
	names := []string{
		early, link(early, "twice.db"), link(path, "late.db"), filepath.Join(link(there, "folder"), "marconi.db"), path,
	}
	for _, first := range names {
		s := mustOpen(t, uriOf(first), storage.Options{})
		for _, name := range names {
			wantOpenError(t, uriOf(name), "in use by this process already")
		}
		mustClose(t, s)
	}
	if locks, err := filepath.Glob(filepath.Join(folder, "*.lock")); err != nil || len(locks) > 0 {
		t.Errorf("locks beside the links: %v, %v", locks, err)
	}
	wantOpenError(t, uriOf(link("round.db", "round.db")), "round.db")

	hard := filepath.Join(folder, "hard.db")
	if err := os.Link(path, hard); err != nil {
		t.Skip(err)
	}
	wantOpenError(t, uriOf(hard), "hard link", hard)
	wantOpenError(t, uriOf(path), "hard link")
	if err := os.Remove(hard); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, uriOf(path), storage.Options{}))
}

func TestOpenKeepsSecretsToItself(t *testing.T) {
	for _, uri := range []string{"sqlite://user:hunter2@/x", "sqlite://user:hunter2@host/x", "sqlite://user:hun/ter2@host/x", "sqlite://hunter2@host?a=b"} {
		_, err := OpenSQLite(t.Context(), uri, storage.Options{})
		if err == nil || strings.Contains(err.Error(), "ter2") {
			t.Errorf("OpenSQLite(%q): %v", uri, err)
		}
	}
}

func TestOpenRefusesAFolderThatCannotBeWritten(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, uriOf(folder+"/marconi.db"), "let the server's user read and write the folder")
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"short": "hello", "text": strings.Repeat("hello, world\n", 100), "magic.db": "SQLite format 3\x00",
	} {
		path := filepath.Join(folder, name)
		mustWrite(t, path, []byte(content))
		wantOpenError(t, uriOf(path), "no SQLite database", path)
		if got := string(mustRead(t, path)); got != content {
			t.Errorf("%s holds %q afterwards, want %q", name, got, content)
		}
	}
}

func TestOpenRefusesADatabaseOfSomethingElse(t *testing.T) {
	for name, statements := range map[string]string{
		"tables":       "CREATE TABLE t (a)",
		"mark":         "PRAGMA application_id = 4711",
		"many tables":  manyTables(),
		"tables, WAL":  "PRAGMA journal_mode = WAL; CREATE TABLE t (a)",
		"old and ours": "CREATE TABLE messages (id)",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "other.db")
			mustExec(t, path, statements)
			before := mustRead(t, path)
			wantOpenError(t, uriOf(path), "database of something else", path)
			if after := mustRead(t, path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("there are now %v beside it", entries)
			}
		})
	}
}

func manyTables() string {
	var s strings.Builder
	for i := range 200 {
		fmt.Fprintf(&s, "CREATE TABLE t%d (some_column, another_column);", i)
	}
	return s.String()
}

func TestOpenTakesAnEmptyDatabase(t *testing.T) {
	for name, statements := range map[string]string{
		"page": "PRAGMA user_version = 0; CREATE TABLE t (a); DROP TABLE t", "nothing": "",
	} {
		path := filepath.Join(t.TempDir(), "empty.db")
		mustWrite(t, path, nil)
		if statements != "" {
			mustExec(t, path, statements)
		}
		s := mustOpen(t, uriOf(path), storage.Options{})
		if n := pragma(t, s, "auto_vacuum"); n != 2 {
			t.Errorf("%s: auto_vacuum is %d, want 2: the file can't shrink", name, n)
		}
		mustClose(t, s)
	}
}

func pragma(t *testing.T, s storage.Opened, name string) (n int64) {
	t.Helper()
	if err := writerOf(s).conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&n); err != nil {
		t.Fatalf("PRAGMA %s: %v", name, err)
	}
	return n
}

func writerOf(s storage.Opened) *writer { return s.Data.(*dataStore).engine.(*sqliteEngine).writer }

func TestANewFileIsMarkedAndSafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{})
	for name, want := range map[string]int64{"auto_vacuum": 2, "synchronous": 1, "application_id": applicationID, "foreign_keys": 1} {
		if got := pragma(t, s, name); got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
	if !s.Data.Capabilities().Has(marconi.Durable) || writerOf(s).syncs == nil {
		t.Error("the store does not say that it is durable, or nobody syncs its log")
	}
	mustClose(t, s)
	if mark := binary.BigEndian.Uint32(mustRead(t, path)[68:]); mark != applicationID {
		t.Errorf("the file's mark is %x, want %x", mark, applicationID)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("a closed store leaves its log behind")
	}

	s = mustOpen(t, uriOf(path+"?group_commit=off"), storage.Options{})
	if got := pragma(t, s, "synchronous"); got != 2 {
		t.Errorf("with group_commit=off, synchronous = %d, want 2: SQLite syncs by itself", got)
	}
	mustClose(t, s)

	s = mustOpen(t, uriOf(path+"?synchronous=normal"), storage.Options{})
	defer mustClose(t, s)
	if s.Data.Capabilities().Has(marconi.Durable) {
		t.Error("with synchronous=normal, the store says that it is durable")
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	path := newDatabase(t)
	mustExec(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)")
	wantOpenError(t, uriOf(path), "version 4711", "newer server")
	mustExec(t, path, "DELETE FROM goose_db_version WHERE version_id = 4711")
	mustClose(t, mustOpen(t, uriOf(path), storage.Options{}))
}

func TestOpenRefusesADamagedFile(t *testing.T) {
	path := newDatabase(t)
	content := mustRead(t, path)
	for i := 200; i < len(content); i++ {
		content[i] ^= 0x5a
	}
	mustWrite(t, path, content)
	wantOpenError(t, uriOf(path), path, "damaged", "restore it from a copy")
}

func TestAFileBelongsToOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	cmd, lines := startChild(t, uriOf(path))
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the other process says %q", lines.Text())
	}
	wantOpenError(t, uriOf(path), path, fmt.Sprintf("in use by process %d", cmd.Process.Pid))

	// However the process ends, the file is free.
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	s := mustOpen(t, uriOf(path), storage.Options{})
	defer mustClose(t, s)
	_, second := startChild(t, uriOf(path))
	if want := fmt.Sprintf("in use by process %d", os.Getpid()); !second.Scan() || !strings.Contains(second.Text(), want) {
		t.Errorf("the other process says %q, want %q in it", second.Text(), want)
	}
	wantOpenError(t, uriOf(path), "in use by this process already")
}

// TestNothingConfirmedIsLost kills a process in the midst of posting (laws P1, P4): all that it was told to be done is
// there, and nothing by halves.
func TestNothingConfirmedIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	cmd, lines := startChild(t, uriOf(path))
	confirmed := -1
	for lines.Scan() {
		if lines.Text() == "open" {
			time.AfterFunc(300*time.Millisecond, func() { _ = cmd.Process.Kill() })
			continue
		}
		if _, err := fmt.Sscan(lines.Text(), &confirmed); err != nil {
			t.Fatalf("the other process says %q", lines.Text())
		}
	}
	_ = cmd.Wait()
	if confirmed < 0 {
		t.Fatal("the other process was killed before its first post")
	}
	s := mustOpen(t, uriOf(path), storage.Options{})
	defer mustClose(t, s)
	page, err := s.Data.List(t.Context(), ref("q"), marconi.Listing{Limit: 1_000_000, Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(page.Items); n%3 != 0 || n/3 != confirmed+1 && n/3 != confirmed+2 {
		t.Errorf("there are %d messages; want the 3 of each of %d posts, and of one more at most", n, confirmed+1)
	}
	for i, m := range page.Items {
		if want := fmt.Sprintf("[%d,%d]", i/3, i%3); string(m.Body) != want {
			t.Fatalf("message %d is %s, want %s", i, m.Body, want)
		}
	}
	checkCounts(t, s)
}

func TestMemoryStoresAreApart(t *testing.T) {
	first, second := mustOpen(t, "sqlite://", storage.Options{}), mustOpen(t, "sqlite:///:memory:", storage.Options{})
	defer mustClose(t, first)
	defer mustClose(t, second)
	post(t, first, "a")
	if page, err := second.Data.List(t.Context(), ref("q"), marconi.Listing{Limit: 5}); err != nil || len(page.Items) > 0 {
		t.Errorf("the second store lists %v, %v; want nothing", page.Items, err)
	}
	one, _ := first.Control.ID(t.Context())
	two, _ := second.Control.ID(t.Context())
	if one == two || one == "" {
		t.Errorf("IDs of the two control stores are %q and %q", one, two)
	}
}

func TestControlKeepsItsID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	var ids []string
	for range 2 {
		s := mustOpen(t, uriOf(path), storage.Options{})
		id, err := s.Control.ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		mustClose(t, s)
	}
	if ids[0] != ids[1] || len(ids[0]) != 32 {
		t.Errorf("IDs before and after a restart are %q", ids)
	}
}

// TestOnePlaneOutlivesTheOther closes in both orders: the file is free when both are closed.
func TestOnePlaneOutlivesTheOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	ctx := context.Background()
	key := ref("q").QueueKey

	s := mustOpen(t, uriOf(path), storage.Options{})
	if err := s.Data.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Control.CreateQueue(ctx, key, nil); err != nil {
		t.Errorf("CreateQueue after the data store was closed: %v", err)
	}
	wantOpenError(t, uriOf(path), "in use")
	mustClose(t, s)

	s = mustOpen(t, uriOf(path), storage.Options{})
	if err := s.Control.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Control.Queue(ctx, key); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("Queue of a closed control store: %v, want %v", err, marconi.ErrUnavailable)
	}
	post(t, s, "a")
	mustClose(t, s)
}

func post(t testing.TB, s storage.Opened, bodies ...string) []marconi.MessageID {
	t.Helper()
	p := marconi.Post{Client: "producer"}
	for _, b := range bodies {
		p.Messages = append(p.Messages, marconi.NewMessage{TTL: 3600, Body: []byte(b)})
	}
	ids, err := s.Data.Post(t.Context(), ref("q"), p)
	if err != nil {
		t.Fatalf("Post: %v", err)
	}
	return ids
}
