// Log-server is marconi-server with one more driver in it.
package main

import (
	"context"
	"os"

	"github.com/marconi-mq/marconi/server/command"
	"github.com/marconi-mq/marconi/storage/drivers"

	"example.org/logstore"
)

func main() {
	all := drivers.All()
	all["log"] = logstore.Open
	os.Exit(command.Run(context.Background(), all, command.Process{
		Args:    os.Args[1:],
		Environ: os.Environ(),
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	}))
}
