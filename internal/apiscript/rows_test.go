package apiscript

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someRows = `
# A note.
14.3 v1
    insert queue ×5
    list, and more
14.6 v1.1
    ping
`

func TestCoverage(t *testing.T) {
	const five = "for name in a b c d e\nPUT $V/queues/$name\nstatus 201\nend\n"
	tests := []struct {
		name   string
		script string
		later  string
		want   []string
	}{
		{
			name:   "all is covered",
			script: "versions v1 v1.1\nrow 14.3 insert queue ×5\n" + five + "row 14.3 list, and more\n[v1.1] row 14.6 ping\nGET /\n",
		},
		{
			name:   "rows without requests, and a later one that is covered",
			script: "versions v1 v1.1\nrow 14.3 list, and more\nset a b\nrow 14.6 ping\nGET /\n",
			later:  "keystone 14.6 ping",
			want: []string{
				"14.3 insert queue ×5: no script covers this row",
				"14.3 list, and more: no script covers this row",
				"14.6 ping: covered after all, and still listed for later (keystone)",
			},
		},
		{
			name:   "too few data sets",
			script: "versions v1\nrow 14.3 insert queue ×5\nrepeat 2\nrepeat 2\nGET /\nend\nend\nrow 14.3 list, and more\nGET /\n",
			later:  "pools 14.6 ping",
			want:   []string{"14.3 insert queue ×5: 4 requests where at least 5 are wanted"},
		},
		{
			name:   "another version, and a line for another version",
			script: "versions v1.1\nrow 14.3 insert queue ×5\n" + five + "[v1] row 14.6 ping\nGET /\n",
			later:  "pools 14.3 list, and more",
			want:   []string{"14.3 insert queue ×5: no script covers this row", "14.6 ping: no script covers this row"},
		},
		{
			name:   "names that are not in the list",
			script: "versions v1 v1.1\nrow 14.3 insert queue ×5\n" + five + "row 14.3 list and more\nGET /\n",
			later:  "pools 14.3 list, and more\nnone 14.6 ping\nnone 14.6 pong",
			want: []string{
				"14.3 list and more: a script names this row, which is not in the list",
				"14.6 pong: listed for later (none), but not in the list",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := ParseRows([]byte(someRows))
			if err != nil {
				t.Fatal(err)
			}
			later, err := ParseLater([]byte(tt.later))
			if err != nil {
				t.Fatal(err)
			}
			got := rows.Coverage([]*Script{load(t, tt.script)}, later)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRowsSaysWhatIsWrong(t *testing.T) {
	for _, text := range []string{" row without section", "14.3", "14.3 v1\n a\n a"} {
		if _, err := ParseRows([]byte(text)); err == nil {
			t.Errorf("ParseRows(%q) has no error", text)
		}
	}
	for _, text := range []string{"pools", "pools 14.3", "'pools 14.3 x"} {
		if later, err := ParseLater([]byte(text)); err == nil {
			t.Errorf("ParseLater(%q) = %v, want an error", text, later)
		}
	}
}
