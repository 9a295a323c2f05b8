package experiment

import (
	"runtime"
	"slices"

	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// isolate keeps this process, and what it starts, to cores of their own, as long as the experiment lasts. Where that can't be,
// they share.
func (x *experimenter) isolate() (release func()) {
	p := cores.Part()
	if x.Cores != nil {
		p = *x.Cores
	}
	started := slices.ContainsFunc(x.plan.Targets, func(t plan.Target) bool { return t.Start != nil })
	if !p.Apart() || !started {
		return func() {}
	}
	release, err := p.Generator.Hold()
	if err != nil {
		x.Log.Warn("generator and server share the cores", "error", err)
		return func() {}
	}
	x.cores = p
	return release
}

// isolation is who has which cores in the runs of a target: one that was not started here is where it is.
func (x *experimenter) isolation(t plan.Target) *result.Isolation {
	if !x.cores.Apart() || t.Start == nil {
		return &result.Isolation{Shared: true}
	}
	return &result.Isolation{Generator: x.cores.Generator.String(), Servers: x.cores.Servers.String()}
}

// ownCores is how many cores the generator has.
func (x *experimenter) ownCores() int {
	if n := len(x.cores.Generator); n > 0 {
		return n
	}
	return runtime.NumCPU()
}
