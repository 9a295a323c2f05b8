package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/result"
)

// everyRun is all runs that stand in the report, cells first.
func (s *study) everyRun() (all []*result.Run) {
	for _, c := range s.cells {
		all = append(all, c.runs...)
	}
	for _, found := range s.sweeps {
		all = append(all, found.runs...)
	}
	return all
}

// account is the identity of the ledger over all runs, in words.
func account(runs []*result.Run) string {
	sums, order := map[string]int64{}, []string{}
	for _, r := range runs {
		for _, t := range r.Ledger.Identity {
			if !slices.Contains(order, t.Name) {
				order = append(order, t.Name)
			}
			sums[t.Name] += t.Value
		}
	}
	var left, right []string
	total := int64(0)
	for _, name := range order {
		v := sums[name]
		total += v
		term := fmt.Sprintf("%s %s", name, grouped(max(v, -v)))
		if v > 0 || name == "confirmed" || name == "unsure appeared" {
			left = append(left, term)
		} else {
			right = append(right, term)
		}
	}
	sign := " = "
	if total != 0 {
		sign = " ≠ "
	}
	return strings.Join(left, " + ") + sign + strings.Join(right, " + ")
}

// ledgers is the table of the ledger by cell.
func (s *study) ledgers() table {
	t := table{head: []string{"cell", "state", "runs", "valid", "confirmed", "delivered", "again", "unsure", "refused", "violations", "balanced"}}
	for _, c := range s.cells {
		t.rows = append(t.rows, ledgerRow(c.Cell, c.Status, c.runs))
	}
	for _, found := range s.sweeps {
		status := result.Valid
		if slices.ContainsFunc(found.runs, func(r *result.Run) bool { return r.Status == result.Invalid }) {
			status = result.Invalid
		}
		t.rows = append(t.rows, ledgerRow(found.Cell+" (sweep)", status, found.runs))
	}
	return t
}

func ledgerRow(name string, status result.Status, runs []*result.Run) []field {
	counts, violations, valid, balanced, confirmed := map[string]int64{}, map[string]int64{}, int64(0), true, int64(0)
	for _, r := range runs {
		for name, n := range r.Ledger.Counts {
			counts[name] += n
		}
		for class, n := range r.Ledger.Classes {
			violations[class] += n
		}
		if r.Status == result.Valid {
			valid++
		}
		balanced = balanced && r.Ledger.Balanced
		for _, t := range r.Ledger.Identity {
			if t.Name == "confirmed" {
				confirmed += t.Value
			}
		}
	}
	wrong := word(classesOf(violations))
	if wrong.text != "none" {
		wrong.class = "bad"
	}
	account := field{text: "yes", class: "good"}
	if !balanced {
		account = field{text: "no", class: "bad"}
	}
	return []field{
		word(name), stateField(status), count(int64(len(runs))), count(valid), count(confirmed), count(counts["delivered"]), count(counts["redelivered"]),
		count(counts["unsure"]), count(counts["refused"]), wrong, account,
	}
}

// classesOf are the kinds of violations with how many there were.
func classesOf(violations map[string]int64) string {
	var all []string
	for _, class := range slices.Sorted(maps.Keys(violations)) {
		if n := violations[class]; n > 0 {
			all = append(all, class+" "+grouped(n))
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// accounts is the identity of each run with its numbers.
func (s *study) accounts() table {
	t := table{head: []string{"run"}}
	runs := s.everyRun()
	if len(runs) == 0 {
		return t
	}
	for _, term := range runs[0].Ledger.Identity {
		name := term.Name
		switch {
		case name == "unsure appeared":
			name = "+ " + name
		case name == "deleted":
			name = "= " + name
		case name != "confirmed":
			name = "+ " + name
		}
		t.head = append(t.head, name)
	}
	t.head = append(t.head, "balanced")
	for _, r := range runs {
		fields := []field{word(fmt.Sprintf("%s/run-%d", r.Cell, r.Repeat))}
		for _, term := range r.Ledger.Identity {
			fields = append(fields, count(max(term.Value, -term.Value)))
		}
		last := field{text: "yes", class: "good"}
		if !r.Ledger.Balanced {
			last = field{text: "no", class: "bad"}
		}
		t.add(append(fields, last)...)
	}
	return t
}

// complaints are the runs whose figures do not count, or not fully: those of a cell with the same reasons in one row.
func (s *study) complaints() table {
	t := table{head: []string{"cell", "runs", "state", "because", "offenders"}}
	at := map[string]int{}
	for _, r := range s.everyRun() {
		if r.Status == result.Valid || r.Config.Sweep && r.Status == result.Saturated {
			continue
		}
		because, number := strings.Join(r.Reasons, " "), fmt.Sprint(r.Repeat)
		key := r.Cell + string(r.Status) + because
		if row, known := at[key]; known && r.Ledger.OK {
			t.rows[row][1].text += ", " + number
			continue
		}
		offenders := word(none)
		if !r.Ledger.OK {
			offenders = field{text: "violations.jsonl", link: fmt.Sprintf("%s/run-%d/violations.jsonl", r.Cell, r.Repeat)}
		}
		at[key] = len(t.rows)
		t.add(word(r.Cell), word(number), stateField(r.Status), field{text: because, class: "long"}, offenders)
	}
	return t
}

// health is the generator's own account by cell: the worst of its runs.
func (s *study) health() table {
	t := table{head: []string{"cell", "pacer lag p99", "queue lag p99", "sent of offered", "generator CPU, cores", "longest GC pause", "fit"}}
	put := func(name string, runs []*result.Run) {
		if len(runs) > 0 {
			t.rows = append(t.rows, healthRow(name, runs))
		}
	}
	for _, c := range s.cells {
		put(c.Cell, c.runs)
	}
	for _, found := range s.sweeps {
		put(found.Cell+" (sweep)", found.runs)
	}
	return t
}

func healthRow(name string, runs []*result.Run) []field {
	var lag, queue *int64
	var cores, sent, offered float64
	var pause int64
	fit := field{text: "yes", class: "good"}
	for _, r := range runs {
		o := r.Operations[result.Driving(r.Config).String()]
		lag, queue = worse(lag, r.Generator.PacerLag.P99NS), worse(queue, o.QueueLag.P99NS)
		sent, offered = sent+float64(o.Sent), offered+float64(o.Offered)
		if r.MeasuredNS > 0 {
			cores = max(cores, r.Generator.CPUSeconds/time.Duration(r.MeasuredNS).Seconds())
		}
		pause = max(pause, r.Generator.GCPauseMaxNS)
		if !r.Generator.Healthy {
			fit = field{text: "no: " + r.Generator.Why, class: "bad"}
		}
	}
	share := num(none, "")
	if offered > 0 {
		share = num(percent(sent/offered), raw(sent/offered))
	}
	return []field{word(name), percentile(lag), percentile(queue), share, num(digits(cores), raw(cores)), span(pause), fit}
}

func worse(a, b *int64) *int64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

// noise is the calibration before each block.
func (s *study) noise() table {
	t := table{head: []string{"block", "echo p50", "echo p99", "64 kB hashed", ""}}
	for i, b := range s.experiment.Blocks {
		marked := word("")
		if b.Marked {
			marked = field{text: "noisier than the others", class: "soft"}
		}
		p99 := percentile(nil)
		if b.EchoP99NS > 0 {
			p99 = span(b.EchoP99NS)
		}
		t.add(count(int64(i+1)), span(b.EchoP50NS), p99, num(perSecond(b.HashPerS), raw(b.HashPerS)), marked)
	}
	return t
}

// operations is the table of all that was measured, by cell and operation.
func (s *study) operations() table {
	t := table{head: []string{"cell", "operation", "offered", "achieved", "errors", "samples", "p50", "p90", "p99", "p99.9", "p99.99", "max"}}
	for _, c := range s.cells {
		for _, name := range slices.Sorted(maps.Keys(c.Operations)) {
			var offered, achieved, failed int64
			for _, r := range c.runs {
				o := r.Operations[name]
				offered, achieved = offered+o.Offered, achieved+o.Achieved
				for _, n := range o.Errors {
					failed += n
				}
			}
			l := c.Operations[name]
			row := []field{
				word(c.Cell), word(name), count(offered), count(achieved), count(failed), count(l.Count), percentile(l.P50NS), percentile(l.P90NS),
				percentile(l.P99NS), percentile(l.P999NS), percentile(l.P9999NS), longest(l),
			}
			if !c.counts() {
				row[0].class = "bad"
			}
			t.rows = append(t.rows, row)
		}
	}
	return t
}

// derived are figures of all workloads, which have their own places.
var derived = []string{"requests_per_message", "server_cpu_s_per_1000_messages", "backend_cpu_s_per_1000_messages", "server_rss_max_bytes", "backend_rss_max_bytes",
	"achieved_per_s", "messages_per_s"}

// own are the figures that only a workload has, such as the price of an audit: a row a figure, a column a cell.
func (s *study) own(workload string) (t table, some bool) {
	cells, _ := drawn(s.of(workload))
	says := map[string]string{}
	for _, c := range cells {
		for name, f := range c.Metrics {
			if f.Says != "" && !slices.Contains(derived, name) {
				says[name] = f.Says
			}
		}
	}
	t.head = append([]string{workload}, names(cells)...)
	for _, name := range slices.Sorted(maps.Keys(says)) {
		fields := []field{word(strings.TrimSuffix(says[name], "."))}
		for _, c := range cells {
			f, known := c.Metrics[name]
			at := num(none, "")
			if known {
				at = num(measured(f.Value, f.Unit), raw(f.Value))
			}
			if known && f.Low != nil && f.High != nil {
				at.text += " (" + measured(*f.Low, f.Unit) + " … " + measured(*f.High, f.Unit) + ")"
			}
			fields = append(fields, at)
		}
		t.add(fields...)
	}
	return t, len(t.rows) > 0
}

// recoveries is the table of faults by cell: the worst of its runs.
func (s *study) recoveries() table {
	t := table{head: []string{"cell", "fault", "of", "began at", "lasted", "no success for", "rate carried again after", "ledger"}}
	for _, c := range s.cells {
		if c.course == nil {
			continue
		}
		for i, f := range c.course.faults {
			gap, back, known, clean := int64(0), int64(0), true, true
			for _, r := range c.runs {
				clean = clean && r.Ledger.OK
				if i < len(r.Faults) {
					gap, back = max(gap, r.Faults[i].GapNS), max(back, r.Faults[i].RecoveredNS)
					known = known && r.Faults[i].RecoveredNS >= 0
				}
			}
			recovered, verdict := span(back), field{text: "clean", class: "good"}
			if !known {
				recovered = num("never", "")
			}
			if !clean {
				verdict = field{text: "violated", class: "bad"}
			}
			t.add(word(c.Cell), word(f.Do), word(f.To), num(duration(f.from*1e9), raw(f.from)), span(f.ToNS-f.FromNS),
				span(gap), recovered, verdict)
		}
	}
	return t
}

// missing is what was not run.
func (s *study) missing() table {
	t := table{head: []string{"not run", "because"}}
	for _, a := range s.experiment.Absent {
		t.add(word(a.What), word(a.Because))
	}
	return t
}
