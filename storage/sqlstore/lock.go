package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// errLocked is what the system's lock answers if somebody else has it.
var errLocked = errors.New("locked")

// lockFile keeps a database file to this process. The lock is the system's, so that it ends with the process however
// that ends; the file itself stays, for whoever removes it could remove another's.
func lockFile(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := openLocked(name)
	switch {
	case errors.Is(err, errLocked):
		return nil, fmt.Errorf("%s is in use by %s: stop that first, or name another file", path, holderOf(name))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s can't be written: let the server's user read and write the folder", name)
	case err != nil:
		return nil, fmt.Errorf("%s can't be locked, without which two servers could damage %s: %w", name, path, err)
	}
	// What is written here only makes a message better.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	return f, nil
}

// holderOf names the process that has the lock, as far as it left its number.
func holderOf(name string) string {
	text, _ := os.ReadFile(name)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil:
		return "another process"
	case pid == os.Getpid():
		return "this process already"
	}
	return fmt.Sprintf("process %d", pid)
}
