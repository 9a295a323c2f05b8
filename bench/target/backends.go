package target

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
)

// A backend is a row of the table of what can be started.
type backend struct {
	name    string
	program string // that has to be installed; "": none
	account string // variable of the environment that has to say where its servers are; "": they are started here
	traits  func(settings map[string]string) Traits
	prepare func(dir string, settings map[string]string) (*store, error)
}

// A store is where a server keeps what it has.
type store struct {
	uri     string
	command []string // of its own process; none: there is no such process
	input   string   // what that process reads: everybody on the machine can read commands
	secrets []string // of these, which the process may say
	ready   func(context.Context) error
	collect measure.Collector // nil: there is nothing to ask
}

// backends is the table.
func backends() []backend {
	always := func(t Traits) func(map[string]string) Traits { return func(map[string]string) Traits { return t } }
	return []backend{
		{name: "memory", traits: always(Traits{FIFO: true, AllOrNone: true}), prepare: prepareMemory},
		{name: "sqlite", traits: always(sound), prepare: prepareSQLite},
		{name: "redis", program: "redis-server", traits: redisTraits, prepare: prepareRedis},
		{name: "swift", account: swiftAccount, traits: always(Traits{Durable: true}), prepare: prepareSwift},
		{name: "swift+index", account: swiftAccount, traits: always(sound), prepare: prepareIndexedSwift},
	}
}

// find gives the row of a backend, and ErrAbsent if its program is not installed, or nobody says where it is.
func find(name string) (backend, error) {
	rows := backends()
	i := slices.IndexFunc(rows, func(b backend) bool { return b.name == name })
	if i < 0 {
		return backend{}, fmt.Errorf("%w: no backend is called %q; there are %s", ErrAbsent, name, strings.Join(Names(), ", "))
	}
	if program := rows[i].program; program != "" {
		if _, err := exec.LookPath(program); err != nil {
			return backend{}, fmt.Errorf("%w: %s is not installed", ErrAbsent, program)
		}
	}
	if account := rows[i].account; account != "" && os.Getenv(account) == "" {
		return backend{}, fmt.Errorf("%w: %s names no account of it", ErrAbsent, account)
	}
	return rows[i], nil
}

// Names are those of all backends that can be started.
func Names() (names []string) {
	for _, b := range backends() {
		names = append(names, b.name)
	}
	return names
}

// Present says which backends can be started here; of others, why not.
func Present() (present []string, absent map[string]error) {
	absent = map[string]error{}
	for _, name := range Names() {
		if _, err := find(name); err != nil {
			absent[name] = err
			continue
		}
		present = append(present, name)
	}
	return present, absent
}

func prepareMemory(string, map[string]string) (*store, error) { return &store{uri: "memory://"}, nil }

func prepareSQLite(dir string, settings map[string]string) (*store, error) {
	file := filepath.Join(dir, "messages.db")
	uri := "sqlite:///" + file
	if query := queryOf(settings); query != "" {
		uri += "?" + query
	}
	return &store{uri: uri, collect: fileSizes(file)}, nil
}

// fileSizes tells how much of a disk an SQLite file and its log take.
func fileSizes(file string) measure.Collector {
	return func(context.Context) (map[string]float64, error) {
		sizes := map[string]float64{}
		for name, path := range map[string]string{"file_bytes": file, "log_bytes": file + "-wal"} {
			if info, err := os.Stat(path); err == nil {
				sizes[name] = float64(info.Size())
			}
		}
		return sizes, nil
	}
}

func queryOf(settings map[string]string) string {
	parts := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		parts = append(parts, name+"="+settings[name])
	}
	return strings.Join(parts, "&")
}

// redisTraits: what it has confirmed is safe from a kill only if it was synced before.
func redisTraits(settings map[string]string) Traits {
	return Traits{FIFO: true, AllOrNone: true, Durable: settings["appendonly"] == "yes" && settings["appendfsync"] == "always"}
}

// prepareRedis starts Redis with nothing on disk, unless the settings say otherwise.
func prepareRedis(dir string, settings map[string]string) (*store, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := redisServer{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), password: settings["requirepass"]}
	s := &store{uri: r.uri(), collect: r.info}
	s.ready = func(ctx context.Context) error {
		_, err := r.ask(ctx, "PING")
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if plan.IsSecret(name) {
			s.input += name + " " + redisQuoted(settings[name]) + "\n"
			if settings[name] != "" {
				s.secrets = append(s.secrets, settings[name], redisQuoted(settings[name]))
			}
		}
	}
	s.command = []string{"redis-server"}
	if s.input != "" {
		s.command = append(s.command, "-")
	}
	s.command = append(s.command, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
		"--latency-monitor-threshold", strconv.Itoa(latencyThreshold))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !plan.IsSecret(name) {
			s.command = append(s.command, "--"+name, settings[name])
		}
	}
	return s, nil
}

// swiftAccount has the URI of an account of Swift, which is too many processes to be started for a run:
// swift://tester:testing@127.0.0.1:8080/test?auth=v1. What runs leave there expires.
const swiftAccount = "MARCONI_BENCH_SWIFT"

// prepareSwift keeps all in Swift.
func prepareSwift(dir string, settings map[string]string) (*store, error) {
	return &store{uri: swiftURI(swiftPrefix(dir), "none", settings)}, nil
}

// prepareIndexedSwift keeps bodies in Swift, whatever their size unless the settings say so, and their order in an SQLite file.
func prepareIndexedSwift(dir string, settings map[string]string) (*store, error) {
	all := map[string]string{"inline_below": "0"}
	maps.Copy(all, settings)
	prefix := swiftPrefix(dir)
	return &store{
		uri:     swiftURI(prefix, "sqlite:///"+filepath.Join(dir, "index.db"), all),
		collect: fileSizes(filepath.Join(dir, "index-swift-"+prefix+".db")), // the part of it that is the index
	}, nil
}

// swiftPrefix keeps a run's containers apart from those of others.
func swiftPrefix(dir string) string { return fmt.Sprintf("bench-%x", sha256.Sum224([]byte(dir))) }

func swiftURI(prefix, index string, settings map[string]string) string {
	uri := os.Getenv(swiftAccount)
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	parts := []string{"prefix=" + prefix, "index=" + url.QueryEscape(index)}
	if query := queryOf(settings); query != "" {
		parts = append(parts, query)
	}
	return uri + separator + strings.Join(parts, "&")
}

// freePort finds a port that nobody listens on.
func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
