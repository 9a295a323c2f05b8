// Marconi-server answers OpenStack's queue API, versions 1.0 and 1.1, over HTTP.
package main

import (
	"context"
	"os"

	"github.com/marconi-mq/marconi/server/command"
	"github.com/marconi-mq/marconi/storage/drivers"
)

func main() {
	os.Exit(command.Run(context.Background(), drivers.All(), command.Process{
		Args:    os.Args[1:],
		Environ: os.Environ(),
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	}, drivers.Sources()))
}
