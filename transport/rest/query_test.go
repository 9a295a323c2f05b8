package rest

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQueryText(t *testing.T) {
	const absent, wrong = "\x00absent", "\x00wrong"
	for _, tt := range []struct {
		query string
		want  string // of the parameter p
	}{
		{"", absent},
		{"p=a", "a"},
		{"p", absent},
		{"p=", absent},
		{"&&p=a&", "a"},
		{"q=1&p=a&r=2", "a"},
		{"P=a", absent},
		{"p=1&p=7", "7"},
		{"p=7&p=", "7"},
		{"p=a,b", "b"},
		{"p=a,,b,", "b"},
		{"p=,&p=a", "a"},
		{"p=a&p=,", "a"},
		{"p=,", wrong},
		{"p=,,&p=,", wrong},
		{"p=a%2Cb", "a,b"},
		{"p=a%2cb,c%2Cd", "c,d"},
		{"p=a+b", "a b"},
		{"p=a%2Bb", "a+b"},
		{"p=%41%e6%b1%89", "A汉"},
		{"p=a;b", "a;b"},
		{"p=a=b", "a=b"},
		{"q=1;p=a", absent},
		{"%70=a", "a"},
		{"p=%zz%4%", "%zz%4%"},
		{"p=a%ff", "a\uFFFD"},
		{"p=a\xff", "a\uFFFD"},
		{"=a", absent},
	} {
		value, given, err := query(tt.query).text("p")
		got := value
		switch {
		case err != nil:
			got = wrong
		case !given:
			got = absent
		}
		if got != tt.want {
			t.Errorf("query(%q).text = %q, %v, %v; want %q", tt.query, value, given, err, tt.want)
		}
	}
}

func TestQueryElements(t *testing.T) {
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"ids=a,b,c", []string{"a", "b", "c"}},
		{"ids=a,,b&x=1&ids=b", []string{"a", "b", "b"}},
		{"ids=a%2Cb,c", []string{"a,b", "c"}},
		{"ids=", nil},
		{"ids=,", nil},
		{"id=a", nil},
	} {
		got := slices.Collect(query(tt.query).elements("ids"))
		if !slices.Equal(got, tt.want) {
			t.Errorf("query(%q).elements = %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestQueryInteger(t *testing.T) {
	for text, want := range map[string]int{
		"7": 7, "0": 0, "-1": -1, "+5": 5, "%2B5": 5, "+": 0, "007": 7, "%20%097%0A": 7, "1,9": 9,
		"10000000000000000000": math.MaxInt, "-10000000000000000000": math.MinInt, strings.Repeat("9", 400): math.MaxInt,
	} {
		got, err := query("limit=" + text).integer("limit")
		n, given := got.Get()
		if text == "+" { // a blank alone
			if err == nil {
				t.Errorf("limit=%s gave %d", text, n)
			}
			continue
		}
		if err != nil || !given || n != want {
			t.Errorf("limit=%s gave %d, %v, %v; want %d", text, n, given, err, want)
		}
	}
	for _, text := range []string{"x", "1.0", "0x10", "1e3", "--1", "%2B", "-", "1%202", ",", "１"} {
		if got, err := query("limit=" + text).integer("limit"); err == nil {
			t.Errorf("limit=%s gave %v, want an error", text, got)
		}
	}
	if got, err := query("limit=&x=1").integer("limit"); err != nil {
		t.Errorf("limit= gave %v, %v; want nothing", got, err)
	}
}

func TestQueryBoolean(t *testing.T) {
	want := map[string]bool{}
	for text := range strings.FieldsSeq("true True t yes y 1 on") {
		want[text] = true
	}
	for text := range strings.FieldsSeq("false False f no n 0 off") {
		want[text] = false
	}
	for text, value := range want {
		if got, given, err := query("echo=" + text).boolean("echo"); got != value || !given || err != nil {
			t.Errorf("echo=%s gave %v, %v, %v; want %v", text, got, given, err, value)
		}
	}
	for _, text := range []string{"TRUE", "2", "FALSE", "Yes", ",", "+1"} {
		if got, given, err := query("echo=" + text).boolean("echo"); err == nil {
			t.Errorf("echo=%s gave %v, %v; want an error", text, got, given)
		}
	}
	if got, given, err := query("echo&x=1").boolean("echo"); got || given || err != nil {
		t.Errorf("echo without a value gave %v, %v, %v; want nothing", got, given, err)
	}
}

func TestPagingNext(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"", "/q?marker=m%2B"},
		{"limit=3&echo=true", "/q?limit=3&echo=true&marker=m%2B"},
		{"echo=True&limit=%2B03", "/q?limit=3&echo=true&marker=m%2B"},
		{"include_claimed=0&marker=a,b&x=1&echo=yes&limit=5", "/q?marker=m%2B&limit=5&echo=true&include_claimed=false"},
		{"marker=a", "/q?marker=m%2B"},
		{"marker=&limit=&echo", "/q?marker=m%2B"},
		{"limit=3&limit=4", "/q?limit=4&marker=m%2B"},
	} {
		c := &call{query: query(tt.query)}
		p := c.paging()
		p.flag("echo")
		p.flag("include_claimed")
		if got := p.next("/q", "m+"); got != tt.want || p.err != nil {
			t.Errorf("the link behind ?%s is %s, %v; want %s", tt.query, got, p.err, tt.want)
		}
		if got := p.next("/q", ""); got != "" {
			t.Errorf("the link behind an empty page is %q", got)
		}
	}
	for _, text := range []string{"marker=,", "limit=x", "echo=2", "include_claimed=TRUE", "limit=x&echo=true"} {
		p := (&call{query: query(text)}).paging()
		p.flag("echo")
		p.flag("include_claimed")
		if p.err == nil {
			t.Errorf("?%s was taken", text)
		}
	}
}

// FuzzQuery holds the parser to net/url's where the two agree: no lists, no semicolons, no broken escapes.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"p=a&q=b", "p=a+b%20c", "p=a,b", "p=1&p=2", "p=%zz", "%70=%e6%b1%89", "p=;", "&&=&p", "p=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, given, err := query(raw).text("p")
		if !utf8.ValidString(got) {
			t.Errorf("query(%q).text = %q, which is no UTF-8", raw, got)
		}
		if given && err != nil {
			t.Errorf("query(%q).text gave %q and %v", raw, got, err)
		}
		if escaped := string(appendEscaped(nil, got)); given && unescape(escaped) != got {
			t.Errorf("%q came back from %q as %q", got, escaped, unescape(escaped))
		}
		want, parseErr := url.ParseQuery(raw)
		if parseErr != nil || strings.ContainsAny(raw, ",;") {
			return
		}
		last := ""
		for _, v := range want["p"] {
			if v != "" {
				last = strings.ToValidUTF8(v, "\uFFFD")
			}
		}
		if got != last {
			t.Errorf("query(%q).text = %q, want %q", raw, got, last)
		}
	})
}
