package experiment

import (
	"os"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/result"
)

// Generator and server run on cores of their own, if there are enough, and the results say on which; if not, that they shared.
func TestGeneratorAndServerAreKeptApart(t *testing.T) {
	all := cores.Usable()
	if len(all) < 2 {
		t.Skip("there is one core")
	}
	p := parse(t, strings.Replace(three, "repeats: 3", "repeats: 1", 1))
	for name, c := range map[string]struct {
		parting cores.Parting
		want    result.Isolation
		cores   int
	}{
		"apart":     {cores.Parting{Generator: all[:1], Servers: all[1:]}, result.Isolation{Generator: all[:1].String(), Servers: all[1:].String()}, 1},
		"shared":    {cores.Parting{}, result.Isolation{Shared: true}, len(all)},
		"none such": {cores.Parting{Generator: cores.Set{1000}, Servers: cores.Set{1001}}, result.Isolation{Shared: true}, len(all)},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, p)
			o.Cores = &c.parting
			during := ""
			o.Events = func(e Event) {
				if e.Kind == Ticked {
					during = coresOf(t)
				}
			}
			_, runs := carry(t, p, o)
			if len(runs) != 1 || *runs[0].Isolation != c.want || runs[0].Generator.Cores != c.cores {
				t.Fatalf("the run says %+v, %d cores; want %+v, %d", *runs[0].Isolation, runs[0].Generator.Cores, c.want, c.cores)
			}
			if e, err := o.Folder.Environment(); err != nil || e.Shared != c.want.Shared {
				t.Errorf("the environment says shared %v, %v", e.Shared, err)
			}
			if c.want.Generator != "" && during != c.want.Generator {
				t.Errorf("while it ran, the generator could run on %s, want %s", during, c.want.Generator)
			}
			if after := coresOf(t); after != all.String() {
				t.Errorf("afterwards it can run on %s, want %s", after, all)
			}
		})
	}
}

// coresOf are those that this process may run on, as the kernel says.
func coresOf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "Cpus_allowed_list:")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}
