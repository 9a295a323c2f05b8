package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLists(t *testing.T) {
	tests := []struct {
		text string
		want []string // nil: refused
	}{
		{"a,b", []string{"a", "b"}},
		{"a, b ,c", []string{"a", "b", "c"}},
		{"a b", []string{"a b"}},
		{"", []string{}},
		{" , ", []string{}},
		{"a,,b", []string{"a", "", "b"}},
		{",a", []string{"", "a"}},
		{"a,", []string{"a"}},
		{"a,,,", []string{"a"}},
		{`"a,b",c`, []string{`"a`, `b"`, "c"}},
		{"[a,b]", []string{"[a", "b]"}},
		{"\na,\nb", []string{"a", "b"}},
		{"a\nb", nil}, // a forgotten comma
	}
	for _, tt := range tests {
		var got []string
		if ok := list(&got, nil).set(tt.text); ok != (tt.want != nil) {
			t.Errorf("list.set(%q) = %v", tt.text, ok)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("list.set(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
	var got []string
	if list(&got, nil, "1", "1.1").set("1,2") {
		t.Errorf("a list of 1 and 1.1 takes 2")
	}
}

func TestDicts(t *testing.T) {
	type pairs = map[string]string
	tests := []struct {
		text string
		want pairs // nil: refused
	}{
		{"k:v,k2:v2", pairs{"k": "v", "k2": "v2"}},
		{"k: v , a:b", pairs{"k": "v", "a": "b"}},
		{"k:v:w", pairs{"k": "v:w"}},
		{"k:", pairs{"k": ""}},
		{"", pairs{}},
		{"k:v,\nk2:v2", pairs{"k": "v", "k2": "v2"}},
		{"k:'a,b',c:d", pairs{"k": "a,b", "c": "d"}},
		{`k:"a,b,c",d:e`, pairs{"k": "a,b,c", "d": "e"}},
		{"k:'a:b'", pairs{"k": "a:b"}},
		{"k:it's,b:c", pairs{"k": "it's", "b": "c"}},
		{"k:''", pairs{"k": ""}},
		{"k:' a '", pairs{"k": " a "}},
		{"x,k:v", pairs{"x,k": "v"}}, // as oslo.config does

		{"k", nil},
		{"k:v,", nil},
		{"k:v,x", nil},
		{":v", nil},
		{"k:v,k:w", nil},
		{"k:'a,b", nil},
		{"k:'a',b'", nil},
	}
	for _, tt := range tests {
		got, ok := splitDict(tt.text)
		if ok != (tt.want != nil) {
			t.Errorf("splitDict(%q) = %q, %v", tt.text, got, ok)
		}
		if diff := cmp.Diff(tt.want, got); ok && diff != "" {
			t.Errorf("splitDict(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
}

// Whatever a text is read as can be written and read again.
func TestCollectionsComeBack(t *testing.T) {
	texts := rapid.StringOf(rapid.RuneFrom([]rune("ab:,'\" \n$é")))
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		if pairs, ok := splitDict(text); ok {
			again, ok := splitDict(joinDict(pairs))
			if diff := cmp.Diff(pairs, again); !ok || diff != "" {
				t.Fatalf("splitDict(%q) is written as %q (-first +again):\n%s", text, joinDict(pairs), diff)
			}
		}
		var items, again []string
		if v := list(&items, nil); v.set(text) {
			if diff := cmp.Diff(items, again); !list(&again, nil).set(v.text()) || cmp.Diff(items, again) != "" {
				t.Fatalf("list %q is written as %q (-first +again):\n%s", items, v.text(), diff)
			}
		}
	})
}

func TestMany(t *testing.T) {
	c, _, errs := loadText(t, "[oslo_policy]\npolicy_dirs = a\npolicy_dirs = b,c\npolicy-dirs =\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if diff := cmp.Diff([]string{"a", "b,c"}, c.Policy.Dirs); diff != "" {
		t.Errorf("policy_dirs (-want +got):\n%s", diff)
	}
}
