package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/marconi-mq/marconi/config"
)

// stores says which stores to open: the configured ones, or a file in the user's data folder. Without one for queues the store
// of messages says where they are.
func stores(c *config.Config, schemes, environ []string) (data, control string, err error) {
	data, control, err = c.Stores(schemes)
	if err == nil && data == "" {
		data, err = ownStore(environ)
	}
	return data, control, err
}

// ownStore is the store of a server that nobody configured: an SQLite file in the user's data folder, which is made if need be.
func ownStore(environ []string) (string, error) {
	folder, err := dataFolder(environ)
	if err != nil {
		return "", err
	}
	folder = filepath.Join(folder, "marconi")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make the data folder: %w: name another place with --store sqlite:////absolute/path.db", err)
	}
	return "sqlite:///" + filepath.ToSlash(filepath.Join(folder, "marconi.db")), nil
}

func dataFolder(environ []string) (string, error) {
	env := func(name string) string { return lookup(environ, name) }
	home := env("HOME")
	switch {
	case filepath.IsAbs(env("XDG_DATA_HOME")):
		return env("XDG_DATA_HOME"), nil
	case runtime.GOOS == "windows" && env("LocalAppData") != "":
		return env("LocalAppData"), nil
	case home == "":
		return "", errors.New("there is no home folder to keep data in: name a place with --store sqlite:////absolute/path.db")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}
