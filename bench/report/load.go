package report

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// A study is all that a report is made of.
type study struct {
	experiment  *result.Experiment
	environment result.Environment
	plan        string // as it was written
	cells       []*cell
	sweeps      []*sweep
	wardrobe    wardrobe
	workloads   []string // sorted
}

// A cell is one at a fixed level, with its runs.
type cell struct {
	result.Summary
	index  int // in experiment.json
	runs   []*result.Run
	course *course // nil: not known
	heat   *heatMap
}

// A sweep is one of the experiment, with all its runs.
type sweep struct {
	result.Sweep
	index int
	runs  []*result.Run
}

// load reads a folder.
func load(dir string) (*study, error) {
	folder, err := result.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &study{}
	if s.experiment, err = folder.Experiment(); err != nil {
		return nil, err
	}
	if s.environment, err = folder.Environment(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "plan.yaml"))
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	s.plan = string(text)
	runs, err := folder.Runs()
	if err != nil {
		return nil, err
	}
	s.arrange(runs)
	return s, s.details(folder)
}

// arrange puts cells and runs into the order of the report.
func (s *study) arrange(runs []*result.Run) {
	byCell := map[string][]*result.Run{}
	for _, r := range runs {
		if !r.Partial {
			byCell[r.Cell] = append(byCell[r.Cell], r)
		}
	}
	for _, of := range byCell {
		slices.SortFunc(of, func(a, b *result.Run) int { return cmp.Compare(a.Repeat, b.Repeat) })
	}
	for i, summary := range s.experiment.Cells {
		s.know(summary.Config)
		if !summary.Config.Sweep {
			s.cells = append(s.cells, &cell{Summary: summary, index: i, runs: byCell[summary.Cell]})
		}
	}
	slices.SortStableFunc(s.cells, func(a, b *cell) int { return inOrder(a.Config, b.Config) })
	for i, found := range s.experiment.Sweeps {
		one := &sweep{Sweep: found, index: i}
		for _, l := range found.Levels {
			one.runs = append(one.runs, byCell[l.Cell]...)
		}
		s.sweeps = append(s.sweeps, one)
	}
	slices.SortStableFunc(s.sweeps, func(a, b *sweep) int {
		return cmp.Or(strings.Compare(a.Workload, b.Workload), strings.Compare(a.Target, b.Target), strings.Compare(a.API, b.API))
	})
}

// know adds what a cell is of to the lists of names, which stay sorted.
func (s *study) know(c plan.Cell) {
	for _, l := range []struct {
		list *[]string
		name string
	}{{&s.workloads, c.Workload.Name}, {&s.wardrobe.targets, c.Target.Name}, {&s.wardrobe.versions, c.API}} {
		if at, known := slices.BinarySearch(*l.list, l.name); !known {
			*l.list = slices.Insert(*l.list, at, l.name)
		}
	}
}

// inOrder sorts cells by workload, target, pools, version and level.
func inOrder(a, b plan.Cell) int {
	return cmp.Or(
		strings.Compare(a.Workload.Name, b.Workload.Name), strings.Compare(a.Target.Name, b.Target.Name), cmp.Compare(pools(a), pools(b)),
		strings.Compare(a.API, b.API), cmp.Compare(a.Level.Rate, b.Level.Rate), cmp.Compare(a.Level.Clients, b.Level.Clients),
	)
}

func pools(c plan.Cell) int {
	if c.Target.Start == nil {
		return 1
	}
	return c.Target.Start.Pools
}

// details reads what runs have besides their summaries: two at a time, as it is mostly computing.
func (s *study) details(folder *result.Folder) error {
	errs := make([]error, len(s.cells))
	each(len(s.cells), func(i int) {
		c := s.cells[i]
		if c.course, errs[i] = readCourse(folder, c); errs[i] == nil {
			c.heat, errs[i] = readHeat(folder, c)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each does something for all numbers below n, several at a time, and waits.
func each(n int, do func(int)) {
	const workers = 4
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	all.Wait()
}

// response is the distribution of the response times of the driving operation.
func (c *cell) response() result.Latency { return c.Operations[result.Driving(c.Config).String()] }

// counts reports whether the figures of a cell may stand beside those of others: drifting ones are named, not hidden.
func (c *cell) counts() bool {
	return c.Status != result.Invalid && c.Status != result.InvalidGenerator
}

func (c *cell) saturated() bool { return c.Status == result.Saturated }

// who is the target and the version, as rows and legends name them.
func who(c plan.Cell) string {
	name := c.Target.Name
	if n := pools(c); n > 1 {
		name = fmt.Sprintf("%s, %d pools", name, n)
	}
	return name + " · " + versionName(c.API)
}

func versionName(api string) string {
	if !strings.Contains(api, ".") {
		api += ".0"
	}
	return "v" + api
}

// level is how hard a cell is pushed, in words.
func level(l plan.Level) string {
	if l.Mode == plan.ClosedLoop {
		if l.Clients == 1 {
			return "1 client"
		}
		return grouped(int64(l.Clients)) + " clients"
	}
	return perSecond(l.Rate)
}

func (s *study) look(c plan.Cell) look { return s.wardrobe.look(c.Target.Name, c.API) }

// of are the cells of a workload.
func (s *study) of(workload string) (some []*cell) {
	for _, c := range s.cells {
		if c.Config.Workload.Name == workload {
			some = append(some, c)
		}
	}
	return some
}

// drawn are those that stand in charts, and the names of those that don't.
func drawn(cells []*cell) (some []*cell, out []string) {
	for _, c := range cells {
		if c.counts() {
			some = append(some, c)
		} else {
			out = append(out, c.Cell+" ("+string(c.Status)+")")
		}
	}
	return some, out
}

// levels are those of cells, from low to high.
func levels(cells []*cell) (all []plan.Level) {
	for _, c := range cells {
		if !slices.Contains(all, c.Config.Level) {
			all = append(all, c.Config.Level)
		}
	}
	slices.SortFunc(all, func(a, b plan.Level) int {
		return cmp.Or(strings.Compare(string(b.Mode), string(a.Mode)), cmp.Compare(a.Rate, b.Rate), cmp.Compare(a.Clients, b.Clients))
	})
	return all
}

// lines are the series of cells: those that differ in nothing but their level.
func lines(cells []*cell) (all [][]*cell) {
	at := map[string]int{}
	for _, c := range cells {
		name := who(c.Config)
		if i, known := at[name]; known {
			all[i] = append(all[i], c)
			continue
		}
		at[name] = len(all)
		all = append(all, []*cell{c})
	}
	return all
}
