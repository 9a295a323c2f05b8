package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/result"
)

// EnvironmentSchema is the form of environment.json.
const EnvironmentSchema = "marconi-bench/environment/1.0"

// versionWithin is how long a program may take to say its version.
const versionWithin = 5 * time.Second

// environment writes down what the experiment runs on.
func (x *experimenter) environment() (err error) {
	x.report.Environment, err = x.Folder.WriteEnvironment(Environment(x.Version))
	return err
}

// Environment is that of this machine, for a generator of that version.
func Environment(version string) result.Environment {
	e := result.Environment{
		Schema: EnvironmentSchema, OS: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(),
		Generator: version, Shared: true, Backends: map[string]string{},
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
