//go:build linux

package faults

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// diskRefusal runs a server that is to refuse to start, and gives its exit status and what it says.
func diskRefusal(t *testing.T, file string) (status int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, serverBinary(t), "--listen", "127.0.0.1:0", "--store", "sqlite:///"+file).CombinedOutput()
	var exit *exec.ExitError
	if err == nil || !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("the server started, or did not end: %v\n%s", err, out)
	}
	return exit.ExitCode(), string(out)
}

// diskFilled is a file that a server has filled and left, and the server's account of it.
func diskFilled(t *testing.T) *diskServer {
	t.Helper()
	s := diskStart(t, filepath.Join(t.TempDir(), "marconi.db"), "")
	for range 5 {
		s.post(10)
		s.post(30_000)
	}
	s.stop(t)
	return s
}

// diskChange changes a file's content.
func diskChange(t *testing.T, file string, change func(content []byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, change(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDiskDamageAtTheStart starts servers on files that no server can work on: each ends at once with exit status 2 and
// a sentence that names the file and what is wrong.
func TestDiskDamageAtTheStart(t *testing.T) {
	whole := diskFilled(t)
	for name, c := range map[string]struct {
		harm func(content []byte) []byte
		says string
	}{
		"header overwritten":    {func(b []byte) []byte { copy(b, strings.Repeat("?", 100)); return b }, "no SQLite database"},
		"first page behind it":  {func(b []byte) []byte { copy(b[108:4096], bytes.Repeat([]byte("?"), 4096)); return b }, "damaged"},
		"all but the header":    {func(b []byte) []byte { copy(b[4096:], bytes.Repeat([]byte("?"), len(b))); return b }, "damaged"},
		"cut off":               {func(b []byte) []byte { return b[:len(b)/2] }, "damaged"},
		"cut off in the header": {func(b []byte) []byte { return b[:50] }, "no SQLite database"},
		"text":                  {func([]byte) []byte { return []byte(strings.Repeat("hello, world\n", 1000)) }, "no SQLite database"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "marconi.db")
			content, err := os.ReadFile(whole.file)
			if err == nil {
				err = os.WriteFile(file, content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			diskChange(t, file, c.harm)
			if status, said := diskRefusal(t, file); status != 2 || !strings.Contains(said, file) || !strings.Contains(said, c.says) {
				t.Errorf("exit status %d, want 2, and %q in\n%s", status, c.says, said)
			}
		})
	}
	t.Run("newer schema", func(t *testing.T) {
		db, err := sql.Open("sqlite", whole.file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)"); err != nil {
			t.Fatal(err)
		}
		status, said := diskRefusal(t, whole.file)
		if status != 2 || !strings.Contains(said, whole.file) || !strings.Contains(said, "version 4711") {
			t.Errorf("exit status %d, want 2, and the version in\n%s", status, said)
		}
	})
}

// TestDiskDamageUnderWay overwrites a part of one message, deep in the file: whoever asks for that one gets 503, and the log says
// which file and which message; the others are answered as ever.
func TestDiskDamageUnderWay(t *testing.T) {
	s := diskFilled(t)
	const mark = "4096 bytes of x, which only a body has"
	diskChange(t, s.file, func(b []byte) []byte {
		at := bytes.Index(b, bytes.Repeat([]byte("x"), 4000)) // all of a page but its first bytes: in the midst of a body
		if at < 0 {
			t.Fatal("no body is in the file")
		}
		copy(b[at+1000:], mark)
		return b
	})
	s.restart()
	damaged, whole := 0, 0
	list := s.do("GET", diskMessages+"?echo=true&limit=1", "")
	for range s.kept {
		switch list.status {
		case http.StatusServiceUnavailable:
			damaged++
		case http.StatusOK:
			whole++
		}
		a := s.do("DELETE", diskMessages+"?pop=1", "")
		if a.status != http.StatusOK {
			break
		}
		for _, m := range s.messages(a.body) {
			s.taken(m)
		}
		list = s.do("GET", diskMessages+"?echo=true&limit=1", "")
	}
	if damaged != 1 || whole == 0 {
		t.Errorf("%d lists found the damage, and %d were answered; want 1 and some", damaged, whole)
	}
	s.wantSaid("operation failed", s.file, "the file is damaged", "the message whose ID ends in")
	if strings.Contains(s.said.String(), "panic") {
		t.Errorf("the server says\n%s", s.said)
	}
}

// TestDiskReadOnlyAtTheStart starts on a file system that is mounted read-only.
func TestDiskReadOnlyAtTheStart(t *testing.T) {
	disk := diskMount(t, 32<<20)
	s := diskStart(t, filepath.Join(disk, "marconi.db"), "")
	s.post(10)
	s.stop(t)
	diskRemount(t, disk, syscall.MS_RDONLY, "")
	if status, said := diskRefusal(t, s.file); status != 2 || !strings.Contains(said, s.file) || !strings.Contains(said, "read-only") {
		t.Errorf("on a read-only file system: exit status %d, and it says\n%s", status, said)
	}
	diskRemount(t, disk, 0, "")
	s.restart()
	s.wantAccount("when the file system is writable again")
	s.wantPosts(10, time.Second)
}

// diskReadOnly makes writes to a file and its log end as they do on a file system that has become read-only under way, until
// the end is called. A real one can't be had: the kernel remounts none on which files are open for writing, and one that became
// read-only by an error of its disk stays so.
func diskReadOnly(t *testing.T, pid string, file string) (end func()) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		skipService(t, "no strace, which makes a file system read-only under way")
	}
	cmd := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-p", pid, "-P", file, "-P", file+"-wal",
		"-e", "inject=pwrite64,pwritev,write,ftruncate,fallocate:error=EROFS")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := false
	end = func() {
		if !gone {
			gone = true
			_ = cmd.Process.Signal(syscall.SIGINT) // it lets the process go on
			_ = cmd.Wait()
			t.Logf("strace: %s", said.String())
		}
	}
	t.Cleanup(end)
	return end
}

// TestDiskReadOnly has the file system become read-only under a server that works, and writable again.
func TestDiskReadOnly(t *testing.T) {
	s := diskStart(t, filepath.Join(t.TempDir(), "marconi.db"), "")
	for range 10 {
		s.post(1000)
	}
	end := diskReadOnly(t, s.pid(), s.file)
	refused := 0
	for began := time.Now(); refused < 5; { // it takes strace a moment to get in
		if s.post(1000).status == http.StatusServiceUnavailable {
			refused++
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("posts are taken on a file system that is read-only:\n%s", s.said)
		}
	}
	s.wantReads()
	s.take(4)
	s.wantAccount("while nothing can be written")
	s.wantSaid("operation failed", s.file, "the disk does not write", "read-only")
	end()
	s.wantPosts(1000, 10*time.Second)
	s.wantAccount("when it is writable again")
	if s.take(2) == 0 {
		t.Error("when it is writable again, nothing can be taken out")
	}
	s.kill()
	s.restart()
	s.wantAccount("after a kill")
}
