package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// A piece of a sentence is words, or a number with where it stands in experiment.json.
type piece struct {
	text  string
	from  string // a JSON pointer; empty: it is words
	value string // what stands there
}

// A sentence of the verdict.
type sentence []piece

func say(format string, of ...any) sentence { return sentence{{text: fmt.Sprintf(format, of...)}} }

// and goes on with words.
func (s sentence) and(format string, of ...any) sentence {
	return append(s, piece{text: fmt.Sprintf(format, of...)})
}

// figure goes on with a number of experiment.json.
func (s sentence) figure(text string, value float64, pointer string, of ...any) sentence {
	return append(s, piece{text: text, from: fmt.Sprintf(pointer, of...), value: raw(value)})
}

// String is the sentence as text.
func (s sentence) String() string {
	var all strings.Builder
	for _, p := range s {
		all.WriteString(p.text)
	}
	return all.String()
}

// HTML is the sentence for the page: each number with where it comes from.
func (s sentence) HTML() template.HTML {
	var all strings.Builder
	for _, p := range s {
		if p.from == "" {
			all.WriteString(template.HTMLEscapeString(p.text))
			continue
		}
		fmt.Fprintf(&all, `<data value="%s" data-from="%s">%s</data>`, template.HTMLEscapeString(p.value), template.HTMLEscapeString(p.from), template.HTMLEscapeString(p.text))
	}
	return template.HTML(all.String()) //nolint:gosec // all of it was escaped
}

// violated are the cells and sweeps of which the ledger of a run was violated.
func (s *study) violated() (names []string) {
	for _, c := range s.experiment.Cells {
		if c.Status == result.Invalid {
			names = append(names, c.Cell)
		}
	}
	return names
}

// headline is what one has to know if one reads nothing else.
func (s *study) headline() sentence {
	best := s.best()
	switch {
	case len(s.violated()) > 0:
		return say("The ledger was violated: figures of %s do not count.", list(s.violated(), 2))
	case len(s.experiment.Cells) == 0:
		return say("Nothing was run.")
	case s.forgotten() > 0:
		return say("Every message is accounted for, and %d were lost to a kill, as their store may lose them.", s.forgotten())
	case best == nil:
		return say("Every message is accounted for.")
	}
	h := say("%s carries ", best.Target)
	if best.AtLeast() {
		h = h.and("at least ")
	}
	h = h.figure(perSecond(best.Saturation.Value), best.Saturation.Value, "/sweeps/%d/saturation/value", best.index)
	unsure := slices.ContainsFunc(s.sweeps, func(one *sweep) bool { return one != best && one.AtLeast() })
	if len(s.sweeps) > 1 && !unsure {
		h = h.and(", the most of all,")
	}
	return h.and(" in %s over %s, and every message is accounted for.", best.Workload, versionName(best.API))
}

// best is the sweep with the highest saturation.
func (s *study) best() (best *sweep) {
	for _, one := range s.sweeps {
		if one.Saturation.Value > 0 && (best == nil || one.Saturation.Value > best.Saturation.Value) {
			best = one
		}
	}
	return best
}

// list names some, and says that there are more.
func list(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// verdict says in words what came of it.
func (s *study) verdict() (all []sentence) {
	all = append(all, s.aboutLedger()...)
	all = append(all, s.aboutSaturation()...)
	all = append(all, s.aboutLatency()...)
	all = append(all, s.aboutDepth()...)
	all = append(all, s.aboutStates()...)
	return append(all, s.aboutLimits()...)
}

// forgotten is how many confirmed messages were lost by stores that may lose them when they are killed.
func (s *study) forgotten() int64 { return result.Forgotten(s.everyRun()) }

func (s *study) aboutLedger() (all []sentence) {
	for _, c := range s.experiment.Cells {
		if c.Status == result.Invalid && len(c.Reasons) > 0 {
			all = append(all, say("Invalid: %s. %s", c.Cell, c.Reasons[0]))
		}
	}
	if n := s.forgotten(); n > 0 {
		all = append(all, say("%d confirmed messages were lost when the process that held them was killed, which their store does not promise to survive; the account of every run is balanced.", n))
	} else if len(all) == 0 && len(s.experiment.Cells) > 0 {
		all = append(all, say("No message was lost, doubled, torn, corrupted or revived, and none came out of order where order is promised; the account of every run is balanced."))
	}
	return all
}

func (s *study) aboutSaturation() (all []sentence) {
	for _, one := range s.sweeps {
		name := one.Workload + " on " + one.Target + " " + versionName(one.API)
		f := one.Saturation
		if f.Value == 0 {
			all = append(all, say("%s: no level of the sweep was carried.%s", name, one.aboutGenerator()))
			continue
		}
		words := say("%s saturates at ", name)
		switch {
		case one.Open:
			words = say("%s carried every level of its sweep, the highest of ", name)
		case one.Unfit:
			words = say("%s carried up to ", name)
		}
		words = words.figure(perSecond(f.Value), f.Value, "/sweeps/%d/saturation/value", one.index)
		if f.Low != nil && f.High != nil {
			words = words.and(" (").figure(perSecond(*f.Low), *f.Low, "/sweeps/%d/saturation/low", one.index).and(" … ").
				figure(perSecond(*f.High), *f.High, "/sweeps/%d/saturation/high", one.index).and(")")
		}
		if one.Knee != nil {
			words = words.and("; its p99 leaves twice its floor at ").figure(perSecond(one.Knee.Value), one.Knee.Value, "/sweeps/%d/knee/value", one.index)
		}
		all = append(all, words.and(".").and("%s", one.aboutGenerator()))
	}
	return all
}

// aboutGenerator says what a sweep owes to this machine rather than to the server.
func (s *sweep) aboutGenerator() string {
	late := 0
	for _, l := range s.Levels {
		if l.Carried && l.MostlyUnfit() {
			late++
		}
	}
	words := ""
	if s.Unfit {
		words = " Above that this machine could not make the load as it was meant either, so the server may carry more."
	}
	if late > 0 {
		words += fmt.Sprintf(" At %d of the levels that were carried the generator was not fit: the rate counts, the times there are not the server's.", late)
	}
	return words
}

// aboutLatency names the fastest and the slowest of each workload at the highest level that some carried.
func (s *study) aboutLatency() (all []sentence) {
	const metric = "response_p99_ns"
	for _, w := range s.workloads {
		cells := slices.DeleteFunc(slices.Clone(s.of(w)), func(c *cell) bool {
			_, known := c.Metrics[metric]
			return !c.counts() || c.saturated() || !known
		})
		at := levels(cells)
		if len(at) == 0 {
			continue
		}
		cells = slices.DeleteFunc(cells, func(c *cell) bool { return c.Config.Level != at[len(at)-1] })
		p99 := func(c *cell) float64 { return c.Metrics[metric].Value }
		slices.SortStableFunc(cells, func(a, b *cell) int { return int(p99(a) - p99(b)) })
		first, last := cells[0], cells[len(cells)-1]
		words := say("%s at ", w).level(first).and(": p99 of ").p99(first)
		if len(cells) > 1 {
			words = words.and(" (%s) to ", who(first.Config)).p99(last).and(" (%s)", who(last.Config))
		}
		all = append(all, words.and("."))
	}
	return all
}

// aboutDepth says whether claims cost more when more messages wait.
func (s *study) aboutDepth() (all []sentence) {
	for _, c := range s.cells {
		judged, _ := c.Deep()
		if judged == "" || !c.counts() || c.saturated() {
			continue
		}
		v := c.Metrics[result.ClaimsByDepth].Value
		words := say("%s: claims (p50) take ", c.Cell).figure(fmt.Sprintf("%.2f", v), v, "/cells/%d/metrics/"+result.ClaimsByDepth+"/value", c.index)
		all = append(all, words.and(" times as long as with the smallest backlog, %s.", judged))
	}
	return all
}

func (s sentence) level(c *cell) sentence {
	l := c.Config.Level
	if l.Mode == plan.ClosedLoop {
		return s.figure(level(l), float64(l.Clients), "/cells/%d/config/level/clients", c.index)
	}
	return s.figure(level(l), l.Rate, "/cells/%d/config/level/rate", c.index)
}

func (s sentence) p99(c *cell) sentence {
	v := c.Metrics["response_p99_ns"].Value
	return s.figure(duration(v), v, "/cells/%d/metrics/response_p99_ns/value", c.index)
}

// aboutStates names the cells whose figures are to be read with care, or not at all.
func (s *study) aboutStates() (all []sentence) {
	for _, state := range []struct {
		status result.Status
		words  string
	}{
		{result.Saturated, "Not carried, so hatched and compared with nothing: %s."},
		{result.Suspicious, "More, or fewer, operations were under way than the response times account for (Little's law), so these leave something out: %s."},
		{result.Drifting, "The rate drifted while it was measured: %s."},
		{result.InvalidGenerator, "This machine could not make the load, so the figures are not the server's: %s."},
	} {
		var names []string
		for _, c := range s.cells {
			if c.Status == state.status {
				names = append(names, c.Cell)
			}
		}
		if len(names) > 0 {
			all = append(all, say(state.words, list(names, 4)))
		}
	}
	if waiting := s.waiting(); len(waiting) > 0 {
		all = append(all, say("Operations waited longer for a free connection than for their answer, which response times count and service times leave out: %s.", list(waiting, 4)))
	}
	return all
}

// waiting are the cells whose response times are mostly not those of the service.
func (s *study) waiting() (names []string) {
	for _, c := range s.cells {
		response, service := c.Metrics["response_p99_ns"].Value, c.Metrics["service_p99_ns"].Value
		if service > 0 && response > 2*service {
			names = append(names, c.Cell)
		}
	}
	return names
}

// short is how long a run has to be for its figures to mean anything.
const short = 5 * time.Second

// aboutLimits say how far the figures can be trusted.
func (s *study) aboutLimits() (all []sentence) {
	if s.experiment.Partial {
		all = append(all, say("The experiment was cut short: what is here is what was run until then."))
	}
	brief, few := false, false
	for _, c := range s.cells {
		brief = brief || time.Duration(c.Config.Time.Duration) < short
		few = few || c.Runs < 5
	}
	switch {
	case brief:
		all = append(all, say("The runs are too short to say how fast anything is: they show that it works."))
	case few:
		all = append(all, say("There are fewer than five runs of a cell: differences between rows can be chance."))
	}
	if s.environment.Shared {
		all = append(all, say("Generator and server shared the processor's cores."))
	}
	for _, b := range s.experiment.Blocks {
		if b.Marked {
			return append(all, say("The machine was noisier than usual before some blocks: see the calibration."))
		}
	}
	return all
}
