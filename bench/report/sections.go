package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A section is a part of the report, with its figures as charts.
type section struct {
	view    sectionView
	figures []figure
}

// sections are those of the report, in its order.
func (s *study) sections() ([]section, error) {
	percentiles, err := s.percentiles()
	if err != nil {
		return nil, err
	}
	return []section{
		s.validity(),
		drawnOr("saturation", "Saturation by backend", "Saturation", s.saturations(),
			"No sweep in this plan. With one, the highest rate that each target carries is looked for by bisection."),
		drawnOr("latency", "Latency against rate", "Latency against rate", s.latencies(), "There is no cell whose latency counts."),
		s.distributionSection(percentiles),
		s.messageSection(),
		s.timeSection(),
		drawnOr("heat", "Latency over time", "Latency heat map", s.heatMaps(), "There is no cell whose response times by the second are known."),
		drawnOr("versions", "API versions side by side", "API versions", s.sideBySide(), "No cell of this plan was run in more than one version of the API."),
		drawnOr("cpu", "CPU per message", "CPU per message", s.costs(), "The processes of the targets are not known: a target that is started, or whose pids are given, has this chart."),
		drawnOr("errors", "Errors", "Errors", s.failures(), "No request failed."),
		s.missingSection(),
		s.environmentSection(),
		s.repeatSection(),
	}, nil
}

// drawnOr is a section of figures, or one that says why there are none.
func drawnOr(id, title, short string, figures []figure, empty string) section {
	sec := section{view: sectionView{ID: id, Title: title, Short: short}, figures: figures}
	if len(figures) == 0 {
		sec.view.Empty, sec.view.Quiet = empty, true
	}
	return sec
}

func (s *study) validity() section {
	v := sectionView{
		ID: "validity", Title: "Can these figures be trusted?", Short: "Validity",
		Lead: "Every message has an account: when it was wanted, confirmed, delivered and deleted. This identity holds for each run, and here over all of them:",
	}
	if runs := s.everyRun(); len(runs) > 0 {
		v.Account = account(runs)
	}
	if t := s.complaints(); len(t.rows) > 0 {
		v.Tables = append(v.Tables, t.titled("Runs that do not count, or not fully", "Runs whose ledger was violated, or whose load this machine could not make, stand in no comparison."))
	}
	v.Tables = append(v.Tables, s.ledgers().foldedIfLong("Ledger by cell", "Posts that got no answer are unsure: their messages may appear, once. Again: delivered again after a claim was released or ran out."))
	v.Tables = append(v.Tables,
		s.accounts().folded("The account of each run", ""),
		s.health().foldedIfLong("Health of the generator by cell", "Pacer lag is how late this program's clock woke, queue lag how long an operation waited for a free connection: the worst run of each cell."),
	)
	if t := s.noise(); len(t.rows) > 0 {
		v.Tables = append(v.Tables, t.titled("Noise of the machine", "Before each block an echo handler on the loopback is called 500 times a second, and one core hashes."))
	}
	return section{view: v}
}

func (s *study) distributionSection(figures []figure) section {
	sec := drawnOr("percentiles", "Response times by percentile", "Percentiles", figures, "There is no cell whose latency counts.")
	if t := s.operations(); len(t.rows) > 0 {
		sec.view.Tables = append(sec.view.Tables, t.folded("All operations of all cells", "Claims and lists that came back empty have rows of their own."))
	}
	return sec
}

func (s *study) messageSection() section {
	sec := drawnOr("messages", "End to end: what a message goes through", "End to end", s.lives(), "No message was delivered in a run that counts.")
	if t := s.redeliveries(); len(t.rows) > 0 {
		sec.view.Tables = append(sec.view.Tables, t.titled("How long until a message is delivered again", "From when it was free again, by a release or its claim's end; medians of runs."))
	}
	for _, w := range s.workloads {
		if t, some := s.own(w); some {
			sec.view.Tables = append(sec.view.Tables, t.folded("What "+w+" counts besides", "Medians of runs; in brackets 95 % intervals, where there are enough runs."))
		}
	}
	return sec
}

func (s *study) timeSection() section {
	sec := drawnOr("time", "Over time", "Time series", s.timelines(), "There is no cell whose series is known.")
	if t := s.recoveries(); len(t.rows) > 0 {
		sec.view.Tables = append(sec.view.Tables, t.titled("Faults, and how long it took to recover from them", "The worst of the runs of each cell; times count from when the measured time began."))
	}
	return sec
}

func (s *study) missingSection() section {
	sec := section{view: sectionView{ID: "missing", Title: "What was not run", Short: "Not run"}}
	if t := s.missing(); len(t.rows) > 0 {
		sec.view.Tables = []tableView{t.view()}
		return sec
	}
	sec.view.Empty, sec.view.Quiet = "Everything in the plan was run.", true
	if s.experiment.Partial {
		sec.view.Empty = "The experiment was cut short: run --resume goes on with what is missing."
	}
	return sec
}

// whoseCores says who ran on which cores.
func (s *study) whoseCores() string {
	if s.environment.Shared {
		return "shared by generator and server"
	}
	for _, r := range s.everyRun() {
		if who := r.Isolation; who != nil && !who.Shared {
			return fmt.Sprintf("generator on %s, server and backend on %s", who.Generator, who.Servers)
		}
	}
	return "generator and server pinned apart"
}

func (s *study) environmentSection() section {
	e, x := s.environment, s.experiment
	v := sectionView{ID: "environment", Title: "Environment", Short: "Environment"}
	put := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, fact{name, value})
		}
	}
	put("Machine", s.where())
	put("System", strings.TrimSpace(e.OS+" "+e.Kernel))
	put("CPU governor", e.Governor)
	put("Clock source", e.Clock)
	put("Cores", s.whoseCores())
	put("Go", e.Go)
	put("Generator", strings.TrimSpace(e.Generator+" "+e.Commit))
	for _, name := range slices.Sorted(maps.Keys(e.Backends)) {
		put(name, e.Backends[name])
	}
	put("Began", x.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	put("Took", x.Ended.Sub(x.Started).Round(time.Second).String())
	put("Plan hash", x.PlanHash)
	put("Environment hash", x.Environment)
	return section{view: v}
}

func (s *study) repeatSection() section {
	return section{view: sectionView{
		ID: "repeat", Title: "How to repeat it", Short: "How to repeat it", Code: command(s.experiment.Command), Source: s.plan,
		Lead:  "The same schedule, sizes and bodies come from the same seed. Raw data of every run lies beside this page.",
		Links: s.links(),
	}}
}

func (s *study) links() []string {
	all := []string{"experiment.json", "environment.json", "cells.csv", "series.csv", "errors.csv", "results.bench", "plan.yaml", "plan.effective.json"}
	if len(s.sweeps) > 0 {
		all = append(all, "autobench.tsv")
	}
	return all
}

// command is one as a shell takes it.
func command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%", r)
		}) {
			quoted[i] = fmt.Sprintf("'%s'", strings.ReplaceAll(w, "'", `'\''`))
		}
	}
	return strings.Join(quoted, " ")
}
