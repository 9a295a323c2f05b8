// Marconi-bench puts a queue service under load, follows every message, and reports what it measured.
package main

import (
	"context"
	"os"

	"github.com/marconi-mq/marconi/bench/command"
	server "github.com/marconi-mq/marconi/server/command"
	"github.com/marconi-mq/marconi/storage/drivers"
)

func main() {
	os.Exit(command.Run(context.Background(), command.Process{
		Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		// The server under test is this program, started again.
		Server: func(ctx context.Context, args []string) int {
			return server.Run(ctx, drivers.All(), server.Process{Args: args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr})
		},
	}))
}
