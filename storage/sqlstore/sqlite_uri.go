package sqlstore

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// sqliteOptions are what an operator can say about a file, as the query of its URI.
type sqliteOptions struct {
	synchronous string // FULL, NORMAL or OFF
	busyTimeout int    // milliseconds to wait for a lock of another program, such as a backup
	mmap        int64  // bytes of the file that are read through memory: faster, but an error of the disk ends the process
	groupCommit bool   // off: a transaction for each operation, for measuring
	maxBytes    int64  // bytes of pages in use beyond which nothing is posted; 0: as the disk has it
}

func defaultSQLiteOptions() sqliteOptions {
	return sqliteOptions{synchronous: "FULL", busyTimeout: 4000, groupCommit: true}
}

const knownSQLiteOptions = "busy_timeout, group_commit, max_bytes, mmap, synchronous"

// A sqlitePlace is where a database is. An empty path is memory.
type sqlitePlace struct {
	path    string
	options sqliteOptions
}

// parseSQLiteURI reads a URI as SQLAlchemy spells them: what follows the third slash is a path, taken as it is.
func parseSQLiteURI(uri string) (sqlitePlace, error) {
	rest, query, _ := strings.Cut(uri, "?")
	scheme, rest, found := strings.Cut(rest, ":")
	if !found || !strings.EqualFold(scheme, "sqlite") || !strings.HasPrefix(rest, "//") {
		return sqlitePlace{}, errors.New("the URI has the form sqlite:///relative/path or sqlite:////absolute/path")
	}
	host, path, _ := strings.Cut(rest[2:], "/")
	if host != "" {
		if strings.Contains(rest, "@") {
			return sqlitePlace{}, errors.New("a file has no user and no password: sqlite:///marconi.db, sqlite:////var/lib/marconi.db")
		}
		return sqlitePlace{}, fmt.Errorf("%q stands where a host would: a file has three slashes before a relative path "+
			"(sqlite:///marconi.db), four before an absolute one (sqlite:////var/lib/marconi.db)", host)
	}
	if strings.HasPrefix(path, "file:") {
		return sqlitePlace{}, errors.New("SQLite's own file: URIs are not taken: write the path behind the third slash")
	}
	if strings.ContainsRune(path, 0) {
		return sqlitePlace{}, errors.New("the path has a zero byte in it")
	}
	if path == ":memory:" {
		path = ""
	}
	options, err := parseSQLiteOptions(query)
	return sqlitePlace{path: path, options: options}, err
}

// redacted is a URI without what may be the password of another kind of store: it stands where a host would.
func redacted(uri string) string {
	scheme, rest, found := strings.Cut(uri, "://")
	at := strings.LastIndexByte(rest, '@')
	if !found || at < 0 || strings.HasPrefix(rest, "/") {
		return uri
	}
	return scheme + "://***" + rest[at:]
}

func parseSQLiteOptions(query string) (sqliteOptions, error) {
	o := defaultSQLiteOptions()
	values, err := url.ParseQuery(query)
	if err != nil {
		return o, fmt.Errorf("the part behind the question mark can't be read: %w", err)
	}
	for name, texts := range values {
		if len(texts) > 1 {
			return o, fmt.Errorf("option %s is given %d times", name, len(texts))
		}
		if err := o.set(name, texts[0]); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *sqliteOptions) set(name, text string) (err error) {
	switch name {
	case "busy_timeout":
		if o.busyTimeout, err = strconv.Atoi(text); err != nil || o.busyTimeout < 0 {
			return fmt.Errorf("busy_timeout=%s: want a number of milliseconds", text)
		}
	case "group_commit":
		if text != "on" && text != "off" {
			return fmt.Errorf("group_commit=%s: want on or off", text)
		}
		o.groupCommit = text == "on"
	case "max_bytes":
		if o.maxBytes, err = strconv.ParseInt(text, 10, 64); err != nil || o.maxBytes < 1 {
			return fmt.Errorf("max_bytes=%s: want a number of bytes, from 1 on", text)
		}
	case "mmap":
		if o.mmap, err = strconv.ParseInt(text, 10, 64); err != nil || o.mmap < 0 {
			return fmt.Errorf("mmap=%s: want a number of bytes, or 0", text)
		}
	case "synchronous":
		switch o.synchronous = strings.ToUpper(text); o.synchronous {
		case "FULL", "NORMAL", "OFF":
		default:
			return fmt.Errorf("synchronous=%s: want full, normal (a power cut may take the last commits) or off (it may take the file)", text)
		}
	default:
		return fmt.Errorf("there is no option %q; there are %s", name, knownSQLiteOptions)
	}
	return nil
}

// inNamespace is the place beside p for a store of its own: marconi.db becomes marconi-NAMESPACE.db.
func (p sqlitePlace) inNamespace(namespace string) sqlitePlace {
	if namespace == "" || p.path == "" {
		return p
	}
	extension := filepath.Ext(p.path)
	p.path = strings.TrimSuffix(p.path, extension) + "-" + url.PathEscape(namespace) + extension
	return p
}

// source is the database in the words of the SQL driver, with its own options added. The path is escaped, for it may
// hold a question mark or what looks like an option.
func (p sqlitePlace) source(memoryName string, options ...string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(p.path)}
	if p.path == "" {
		u.Path = "/" + memoryName
		options = append(options, "vfs=memdb")
	} else if filepath.VolumeName(p.path) != "" {
		u.Path = "/" + u.Path
	}
	u.RawQuery = strings.Join(options, "&")
	return u.String()
}
