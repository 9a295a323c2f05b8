package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/result"
)

// EnvironmentSchema is the form of environment.json.
const EnvironmentSchema = "marconi-bench/environment/1.0"

// versionWithin is how long a program may take to say its version.
const versionWithin = 5 * time.Second

// ErrElsewhere says that results were begun in another environment. Their figures and those of this one are not of one
// experiment.
var ErrElsewhere = errors.New("begun elsewhere")

// environment writes down what the experiment runs on, or makes sure that it goes on where it began.
func (x *experimenter) environment() error {
	e := Environment(x.Version)
	e.Shared = !x.cores.Apart()
	if len(x.runs) > 0 {
		before, err := x.Folder.Environment()
		if err != nil {
			return fmt.Errorf("go on: %w", err)
		}
		if changed := before.Changes(e); len(changed) > 0 {
			x.runs = nil
			return fmt.Errorf("%w: the results in %s are of another environment, and one experiment has one: %s; go on there, or begin a new folder here",
				ErrElsewhere, x.Folder.Dir, strings.Join(changed, ", "))
		}
		e = before
	}
	var err error
	x.report.Environment, err = x.Folder.WriteEnvironment(e)
	return err
}

// Environment is that of this machine, for a generator of that version.
func Environment(version string) result.Environment {
	e := result.Environment{
		Schema: EnvironmentSchema, OS: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(),
		Generator: version, Shared: !cores.Part().Apart(), Backends: map[string]string{},
		Governor: firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Clock:    firstLine("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
	}
	m := measure.ThisMachine()
	e.Kernel, e.CPU, e.Memory = m.Kernel, m.CPU, m.Memory
	if name, err := os.Hostname(); err == nil {
		sum := sha256.Sum256([]byte(name))
		e.Host = hex.EncodeToString(sum[:6])
	}
	if info, known := debug.ReadBuildInfo(); known {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				e.Commit = s.Value
			}
		}
	}
	limit, done := context.WithTimeout(context.Background(), versionWithin)
	defer done()
	if out, err := exec.CommandContext(limit, "redis-server", "--version").Output(); err == nil {
		e.Backends["redis"] = strings.TrimSpace(string(out))
	}
	return e
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
