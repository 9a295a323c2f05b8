package sqlstore

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/storage"
)

// excused are steps that the plans of some statements may contain, and why.
var excused = map[string][]string{
	// Messages whose hold is over and that no write has freed yet are brought into order: those of a second at most.
	"listFree": {"USE TEMP B-TREE FOR ORDER BY", "SCAN m"},
	// Here f is what the index has just given, as many as were asked for.
	"free": {"SCAN f"},
	// These go over all queues, and say so.
	"volume": {"SCAN q", "SCAN leased"}, "queues": {"SCAN q"}, "idle": {"SCAN data_queues"},
	// Any row will do.
	"garbage": {"SCAN garbage"},
}

// harmless are steps that go over what is small by construction: a list of seqs, a result just made, a pragma, the rows of an insert.
var harmless = regexp.MustCompile(`^(SCAN (s|gone|over|json_each|pragma_\w+)( VIRTUAL TABLE.*)?|SCAN CONSTANT ROW|SCAN \d+-ROW VALUES CLAUSE)$`)

var parameter = regexp.MustCompile(`\?[0-9]*`)

// TestPlans asks SQLite how it would run each statement: none may go through all messages, or sort them.
func TestPlans(t *testing.T) {
	s := mustOpen(t, "sqlite://", storage.Options{})
	defer mustClose(t, s)
	for name, text := range textsOf(sqliteStatements()) {
		if text == "" {
			t.Errorf("statement %s is empty", name)
			continue
		}
		for _, step := range planOf(t, s, text) {
			sorts := strings.Contains(step, "TEMP B-TREE")
			scans := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING") && !harmless.MatchString(step)
			if (sorts || scans) && !isExcused(name, step) {
				t.Errorf("statement %s: %s", name, step)
			}
		}
	}
}

// textsOf are the statements by their names.
func textsOf(all statements) map[string]string {
	texts := map[string]string{}
	groups := reflect.ValueOf(all)
	for _, group := range groups.Fields() {
		for field, text := range group.Fields() {
			texts[field.Name] = text.String()
		}
	}
	return texts
}

func isExcused(name, step string) bool {
	for _, e := range excused[name] {
		if strings.HasPrefix(step, e) {
			return true
		}
	}
	return false
}

func planOf(t *testing.T, s storage.Opened, text string) (steps []string) {
	t.Helper()
	parameters := parameter.FindAllString(text, -1)
	if !slices.Contains(parameters, "?") { // each of these is one more
		parameters = slices.Compact(slices.Sorted(slices.Values(parameters)))
	}
	args := make([]any, len(parameters))
	rows, err := writerOf(s).conn.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	return steps
}

// TestHotPlans are the plans on which the package's promises rest, word for word.
func TestHotPlans(t *testing.T) {
	s := mustOpen(t, "sqlite://", storage.Options{})
	defer mustClose(t, s)
	q := sqliteStatements()
	for _, c := range []struct{ name, text, want string }{
		{"free", q.free, "SEARCH messages USING COVERING INDEX messages_free (qid=? AND seq>? AND seq<?)"},
		{"listFree", q.listFree, "SEARCH f USING COVERING INDEX messages_free (qid=? AND seq>?)"},
		{"listFree, over", q.listFree, "SEARCH h USING INDEX holds_due (qid=? AND expires<?)"},
		{"listAll", q.listAll, "SEARCH m USING PRIMARY KEY (qid=? AND seq>? AND seq<?)"},
		{"walkEnd", q.walkEnd, "SEARCH m USING PRIMARY KEY (qid=? AND seq>?)"},
		{"overHolds", q.overHolds, "SEARCH holds USING INDEX holds_due (qid=? AND expires<?)"},
		{"expired", q.expired, "SEARCH m USING COVERING INDEX messages_expires (expires<?)"},
		{"overFirst", q.overFirst, "SEARCH holds USING INDEX holds_first (qid=?)"},
		{"deadBelow", q.deadBelow, "SEARCH messages USING COVERING INDEX messages_free (qid=? AND seq>?)"},
		{"deadBelow, held", q.deadBelow, "SEARCH holds USING COVERING INDEX holds_first (qid=?)"},
		{"expiredAfter", q.expiredAfter, "SEARCH messages USING COVERING INDEX messages_expires ((expires,qid)>(?,?) AND expires<?)"},
		{"countBelow", q.countBelow, "SEARCH messages USING COVERING INDEX messages_free (qid=? AND seq>? AND seq<?)"},
		{"stats, leases", q.stats, "SEARCH h USING INDEX holds_leases (qid=?)"},
		{"held", q.held, "SEARCH m USING PRIMARY KEY (qid=? AND seq=?)"},
		{"stats, expired", q.stats, "SEARCH messages USING COVERING INDEX messages_expires (expires<?)"},
		{"newest", q.newest, "SEARCH m USING PRIMARY KEY (qid=? AND seq>?)"},
		{"removeBelow", q.removeBelow, "SEARCH messages USING PRIMARY KEY (qid=? AND seq<?)"},
		{"release", q.release, "SEARCH messages USING PRIMARY KEY (qid=? AND seq=?)"},
	} {
		plan := planOf(t, s, c.text)
		if !strings.Contains(strings.Join(plan, "\n"), c.want) {
			t.Errorf("%s has the plan\n%s\nwant in it %s", c.name, strings.Join(plan, "\n"), c.want)
		}
	}
}
