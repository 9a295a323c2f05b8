package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A query is an expression of Prometheus' language, read as far as it takes to see whether it asks for what there is: its
// brackets, operators, functions and their arguments, and what it selects and groups by.
type query struct {
	tokens []string
	known  map[string]map[string][]string // figures, their labels, and the values of these
	wrong  []string
}

// A kind is what an expression gives.
type kind string

const (
	scalar kind = "a number"
	vector kind = "an instant"
	ranged kind = "a range"
	text   kind = "a string"
)

// A part is an expression within one, and the labels of what is ours in it.
type part struct {
	kind   kind
	ours   bool
	labels []string
}

// functions are those that we use, with what they take.
var functions = map[string][]kind{
	"rate": {ranged}, "irate": {ranged}, "increase": {ranged}, "delta": {ranged}, "changes": {ranged}, "max_over_time": {ranged},
	"histogram_quantile": {scalar, vector}, "time": {}, "absent": {vector}, "clamp_min": {vector, scalar},
}

var aggregators = []string{"sum", "min", "max", "avg", "count"}

// given are the labels that Prometheus adds.
var given = []string{"instance", "job"}

var (
	token    = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|(?:\d+(?:ms|[smhdwy]))+|\d+(?:\.\d+)?|=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],:])`)
	name     = regexp.MustCompile(`^[a-zA-Z_]`)
	number   = regexp.MustCompile(`^\d+(\.\d+)?$`)
	period   = regexp.MustCompile(`^(\d+(ms|[smhdwy]))+$`)
	ours     = regexp.MustCompile(`^(marconi|go|process)_`)
	operator = []string{"+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"}
)

// wrongIn lists what is wrong with an expression: its form, or that it asks for what nobody gives.
func wrongIn(expression string, known map[string]map[string][]string) []string {
	if m := labelValues.FindStringSubmatch(expression); m != nil { // Grafana's own
		q := query{known: known}
		q.checkLabels([]string{m[2]}, q.selected(m[1]))
		return q.wrong
	}
	q := query{known: known}
	for rest := strings.TrimSpace(strings.ReplaceAll(expression, "$__rate_interval", "5m")); rest != ""; {
		t := token.FindString(rest)
		if t == "" {
			return []string{"what is " + rest + "?"}
		}
		q.tokens, rest = append(q.tokens, t), strings.TrimSpace(rest[len(t):])
	}
	func() {
		defer func() { // by expect alone
			if err, is := recover().(badForm); is {
				q.wrong = append(q.wrong, string(err))
			}
		}()
		q.expression()
		if q.peek() != "" {
			q.fail("the end")
		}
	}()
	return q.wrong
}

var labelValues = regexp.MustCompile(`^label_values\(([a-z_]+), ([a-z_]+)\)$`)

// A badForm ends the reading.
type badForm string

func (q *query) fail(wanted string) {
	panic(badForm(fmt.Sprintf("%q where %s should be", q.peek(), wanted)))
}

func (q *query) peek() string {
	if len(q.tokens) == 0 {
		return ""
	}
	return q.tokens[0]
}

func (q *query) next() string {
	t := q.peek()
	q.tokens = q.tokens[min(1, len(q.tokens)):]
	return t
}

// take takes the token if it is the next one.
func (q *query) take(t string) bool {
	if q.peek() != t {
		return false
	}
	q.next()
	return true
}

func (q *query) expect(t string) {
	if !q.take(t) {
		q.fail(t)
	}
}

func (q *query) matching(form *regexp.Regexp, what string) string {
	if !form.MatchString(q.peek()) {
		q.fail(what)
	}
	return q.next()
}

func (q *query) complain(format string, args ...any) {
	q.wrong = append(q.wrong, fmt.Sprintf(format, args...))
}

// join is two parts as one.
func (p part) join(other part) part {
	p.ours, p.labels = p.ours || other.ours, slices.Concat(p.labels, other.labels)
	if other.kind == vector {
		p.kind = vector
	}
	return p
}

func (q *query) expression() part {
	p := q.operand()
	for slices.Contains(operator, q.peek()) {
		op := q.next()
		var on []string
		if q.take("on") || q.take("ignoring") {
			on = q.labels()
		}
		other := q.operand()
		for _, side := range []kind{p.kind, other.kind} {
			if side != scalar && side != vector {
				q.complain("%s next to %s", side, op)
			}
		}
		p = p.join(other)
		q.checkLabels(on, p)
	}
	return p
}

func (q *query) operand() part {
	q.take("-")
	p := q.primary()
	if !q.take("[") {
		return p
	}
	q.matching(period, "a period")
	q.expect("]")
	if p.kind != vector {
		q.complain("a range of %s", p.kind)
	}
	p.kind = ranged
	return p
}

func (q *query) primary() part {
	switch t := q.peek(); {
	case q.take("("):
		p := q.expression()
		q.expect(")")
		return p
	case number.MatchString(t):
		q.next()
		return part{kind: scalar}
	case strings.HasPrefix(t, `"`):
		q.next()
		return part{kind: text}
	case slices.Contains(aggregators, t):
		return q.aggregation()
	}
	word := q.matching(name, "an expression")
	if q.take("(") {
		return q.call(word)
	}
	return q.selected(word)
}

func (q *query) aggregation() part {
	q.next()
	var by []string
	if q.take("by") || q.take("without") {
		by = q.labels()
	}
	q.expect("(")
	p := q.expression()
	q.expect(")")
	if p.kind != vector {
		q.complain("the sum of %s", p.kind)
	}
	if by == nil && (q.take("by") || q.take("without")) {
		by = q.labels()
	}
	q.checkLabels(by, p)
	return p
}

func (q *query) labels() (names []string) {
	q.expect("(")
	for {
		names = append(names, q.matching(name, "a label"))
		if q.take(")") {
			return names
		}
		q.expect(",")
	}
}

func (q *query) checkLabels(names []string, p part) {
	for _, label := range names {
		if p.ours && !slices.Contains(p.labels, label) && !slices.Contains(given, label) {
			q.complain("nothing has the label %s", label)
		}
	}
}

func (q *query) call(function string) part {
	var args []part
	for !q.take(")") {
		if len(args) > 0 {
			q.expect(",")
		}
		args = append(args, q.expression())
	}
	takes, found := functions[function]
	result := part{kind: vector}
	if function == "time" {
		result.kind = scalar
	}
	switch {
	case !found:
		q.complain("there is no function %s", function)
	case len(takes) != len(args):
		q.complain("%s takes %d arguments, not %d", function, len(takes), len(args))
	}
	for i, arg := range args {
		if found && i < len(takes) && arg.kind != takes[i] {
			q.complain("%s takes %s, not %s", function, takes[i], arg.kind)
		}
		result.ours, result.labels = result.ours || arg.ours, slices.Concat(result.labels, arg.labels)
	}
	return result
}

// selected is what a figure's name selects, and the matchers behind it.
func (q *query) selected(figure string) part {
	has, found := q.known[figure]
	p := part{kind: vector, ours: ours.MatchString(figure)}
	if p.ours && !found {
		q.complain("there is no figure %s", figure)
	}
	for label := range has {
		p.labels = append(p.labels, label)
	}
	if !q.take("{") {
		return p
	}
	for !q.take("}") {
		label := q.matching(name, "a label")
		if !slices.Contains([]string{"=", "!=", "=~", "!~"}, q.peek()) {
			q.fail("a matcher")
		}
		how, value := q.next(), strings.Trim(q.matching(regexp.MustCompile(`^"`), "a value"), `"`)
		if p.ours && found && !slices.Contains(given, label) {
			q.match(figure, label, how, value)
		}
		if q.peek() != "}" {
			q.expect(",")
		}
	}
	return p
}

// match holds that there is such a label, and what is matched: each alternative of a regular expression.
func (q *query) match(figure, label, how, value string) {
	values, found := q.known[figure][label]
	if !found {
		q.complain("%s has no label %s", figure, label)
		return
	}
	wanted := []string{value}
	if strings.HasSuffix(how, "~") {
		wanted = strings.Split(value, "|")
	}
	for _, one := range wanted {
		form := regexp.QuoteMeta(one)
		if strings.HasSuffix(how, "~") {
			form = one
		}
		whole, err := regexp.Compile("^(?:" + form + ")$")
		if err != nil || !slices.ContainsFunc(values, whole.MatchString) {
			q.complain("%s has no %s%s%q", figure, label, how, one)
		}
	}
}

// The check has teeth.
func TestWrongExpressionsAreFound(t *testing.T) {
	known := map[string]map[string][]string{
		"marconi_a_total":          {"status": {"200", "503"}, "reason": {"full"}},
		"marconi_a_seconds_bucket": {"le": {"1", "+Inf"}},
		"process_start":            {},
	}
	for expression, want := range map[string]int{
		`sum by (status, instance) (rate(marconi_a_total{status=~"5..", instance="x"}[5m]))`:            0,
		`sum(rate(marconi_a_total{status=~"200|503",reason!="full"}[$__rate_interval])) by (status)`:    0,
		`histogram_quantile(0.99, sum by (instance, le) (rate(marconi_a_seconds_bucket[1h30m]))) > 0.5`: 0,
		`process_start - time() < 7 * 86400 and on (instance) marconi_a_total`:                          0,
		`up{job="marconi"} == 0`:                         0,
		`label_values(marconi_a_total, instance)`:        0,
		`histogram_quantile(0.9, sum by (le) (no_such))`: 0, // another's

		`rate(marconi_b_total[5m])`:                              1,
		`rate(marconi_a_total{state="x"}[5m])`:                   1,
		`rate(marconi_a_total{status="201"}[5m])`:                1,
		`rate(marconi_a_total{status=~"4.."}[5m])`:               1,
		`rate(marconi_a_total{status=~"200|504"}[5m])`:           1,
		`rate(marconi_a_total{status=~"("}[5m])`:                 1,
		`rate(marconi_a_total{status!~"4.."}[5m])`:               1,
		`rate(marconi_a_total{reason!="ful"}[5m])`:               1,
		`rate(marconi_a_total{status="5.."}[5m])`:                1,
		`sum by (state) (rate(marconi_a_total[5m]))`:             1,
		`sum(rate(marconi_a_total[5m])) by (state)`:              1,
		`process_start + on (le) marconi_a_total`:                1,
		`go_missing{status="200"} + process_gone`:                2,
		`label_values(marconi_a_total, place)`:                   1,
		`label_values(marconi_b_total, instance)`:                1,
		`rate(marconi_a_total[5m]`:                               1,
		`rate(marconi_a_total[5m)`:                               1,
		`rate(marconi_a_total{status="200"[5m])`:                 1,
		`rate(marconi_a_total{status=200}[5m])`:                  1,
		`rate(marconi_a_total{status=~"200}[5m])`:                1,
		`sum by (status (rate(marconi_a_total[5m]))`:             1,
		`(process_start > 1`:                                     1,
		`process_start > 1)`:                                     1,
		`process_start > `:                                       1,
		`process_start process_start`:                            1,
		`rat(marconi_a_total[5m])`:                               1,
		`rate(marconi_a_total)`:                                  1,
		`rate(marconi_a_total[5])`:                               1,
		`rate(marconi_a_total[5m], 1)`:                           1,
		`marconi_a_total[5m] > 1`:                                1,
		`sum(marconi_a_total[5m])`:                               1,
		`histogram_quantile(rate(marconi_a_seconds_bucket[5m]))`: 2,
		`process_start ? 1`:                                      1,
		``:                                                       1,
	} {
		if got := wrongIn(expression, known); len(got) != want {
			t.Errorf("%s: found %q, want %d faults", expression, got, want)
		}
	}
}
