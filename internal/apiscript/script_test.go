package apiscript

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// load parses a script that stands alone.
func load(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Load(fstest.MapFS{"a.txtar": {Data: []byte(text)}}, "a.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoadHead(t *testing.T) {
	s := load(t, `# A note.
versions v1 v1.1
option transport/max_messages_post_size 256
needs fifo
needs exact-claims
setup unit
row 14.2 some row
GET /
status 300
`)
	if want := []string{"v1", "v1.1"}; !cmp.Equal(s.Versions, want) {
		t.Errorf("Versions = %q, want %q", s.Versions, want)
	}
	if want := []string{"fifo", "exact-claims"}; !cmp.Equal(s.Needs, want) {
		t.Errorf("Needs = %q, want %q", s.Needs, want)
	}
	want := []Option{{"transport", "max_messages_post_size", "256"}, {"DEFAULT", "admin_mode", "true"}}
	if !cmp.Equal(s.Options, want) {
		t.Errorf("Options = %v, want %v", s.Options, want)
	}
	if project, _ := s.header.Get("x-project-id"); project != unitProject {
		t.Errorf("the project is %q, want %q", project, unitProject)
	}
	if _, found := s.header.Get("Accept"); found {
		t.Error("unit requests have an Accept header")
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no versions", "GET /\nstatus 200", "versions"},
		{"unknown version", "versions v7", "a.txtar:1: versions v7"},
		{"unknown condition", "versions v1\n[v3] GET /", "a.txtar:2: [v3] GET /"},
		{"open condition", "versions v1\n[v1 GET /", "condition"},
		{"empty condition", "versions v1\n[] GET /", "condition"},
		{"unknown directive", "versions v1\nstatsu 200", `no directive "statsu"`},
		{"the word request", "versions v1\nrequest GET /", `no directive "request"`},
		{"too few words", "versions v1\nPOST", "wants 2 words"},
		{"too many words", "versions v1\njson-len .a 1 2", "at most 2 words"},
		{"open quote", "versions v1\nfor a in 'b", "quoted word"},
		{"loop without in", "versions v1\nfor a b c d\nend", "for NAME in"},
		{"loop without end", "versions v1\nrepeat 2\nGET /", "a.txtar:2: repeat 2: this loop has no end"},
		{"end without loop", "versions v1\nend", "end"},
		{"late head", "versions v1\nGET /\nadmin", "comes first"},
		{"head under condition", "[v1] versions v1", "comes first"},
		{"head with words", "versions v1\nadmin yes", "alone"},
		{"option without section", "versions v1\noption admin_mode true", "SECTION/NAME"},
		{"option without value", "versions v1\noption DEFAULT/admin_mode", "SECTION/NAME"},
		{"unknown need", "versions v1\nneeds fifos", "fifo, exact-claims"},
		{"no need", "versions v1\nneeds", "names what"},
		{"unknown set-up", "versions v1\nsetup big", "unit"},
		{"file without a name", "versions v1\n-- --\n", "no name"},
		{"no such include", "versions v1\ninclude nothing", "a.txtar:2: include nothing"},
		{"include with a mistake", "versions v1\ninclude broken", "include/broken.txt:2, included at a.txtar:2: jsno"},
		{"include in an include", "versions v1\ninclude nested", "include/nested.txt:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{
				"a.txtar":            {Data: []byte(tt.text)},
				"include/broken.txt": {Data: []byte("# note\njsno .a 1\n")},
				"include/nested.txt": {Data: []byte("include broken\n")},
			}, "a.txtar")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestLoadAllCollectsErrors(t *testing.T) {
	_, err := LoadAll(fstest.MapFS{
		"a.txtar": {Data: []byte("versions v1\nx")},
		"b.txtar": {Data: []byte("versions v1\nGET /\nstatus 300")},
		"c.txtar": {Data: []byte("versions v1\ny")},
	}, "*.txtar")
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || !strings.Contains(err.Error(), "a.txtar:2") || !strings.Contains(err.Error(), "c.txtar:2") {
		t.Errorf("error %v, want both mistakes", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("# n\nversions v1\nfor a b in 1 2\nPUT $V/q '{}'\nend\n-- f --\nx\n")
	f.Add("versions v1\n-- --\n")
	f.Add("versions v1\n[v1] repeat 2\nrow 1 x ×5\nend\nsave a json .b ~ c\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Load(fstest.MapFS{"a.txtar": {Data: []byte(text)}}, "a.txtar")
		if err != nil {
			return
		}
		rows := &RowList{versions: map[string][]string{}}
		for _, wrong := range rows.Coverage([]*Script{s}, nil) {
			if !strings.Contains(wrong, "not in the list") {
				t.Errorf("coverage of no rows: %s", wrong)
			}
		}
	})
}
