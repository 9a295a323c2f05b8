package sqlstore

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// childEnv makes the test binary another process, which works on the file that it names.
const childEnv = "SQLSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if uri := os.Getenv(childEnv); uri != "" {
		os.Exit(child(uri))
	}
	if raceEnabled {
		// The race detector is after our goroutines, which every history tries alike.
		if err := flag.Set("rapid.checks", "20"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// child opens the store, says so or why not, and posts batches of three until it is killed. It writes the number of each
// batch when that was confirmed.
func child(uri string) int {
	ctx := context.Background()
	s, err := OpenSQLite(ctx, uri, storage.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	for n := 0; ; n++ {
		p := marconi.Post{Client: "child"}
		for i := range 3 {
			p.Messages = append(p.Messages, marconi.NewMessage{TTL: 3600, Body: fmt.Appendf(nil, "[%d,%d]", n, i)})
		}
		if _, err := s.Data.Post(ctx, ref("q"), p); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(n)
	}
}

// startChild starts another process on the file, and gives what it says line by line. The test kills it.
func startChild(t *testing.T, uri string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+uri)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func ref(name string) marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: marconi.QueueName(name)}, Incarnation: 7}
}
