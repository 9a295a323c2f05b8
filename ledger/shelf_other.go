//go:build !unix

package ledger

import (
	"errors"
	"os"
)

// mapFile fails, and all records stay in memory.
func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) {}
