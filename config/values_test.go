package config

import (
	"testing"
	"time"
)

// What the kinds of values take and what they make of it, as oslo.config 9.0 does; what is not ok changes nothing.
func TestValues(t *testing.T) {
	var (
		str   string
		truth bool
		n     int
		d     time.Duration
	)
	kinds := map[string]value{
		"bool":    boolean(&truth),
		"whole":   whole(&n, 7, -5, 65535),
		"seconds": seconds(&d, time.Minute, 0, time.Hour),
		"choice":  choice(&str, "strict", "strict", "off"),
		"host":    host(&str, "127.0.0.1"),
		"address": address(&str),
		"uri":     uri(&str, ""),
	}
	const refused = "refused"
	tests := []struct{ kind, text, want string }{
		{"bool", "true", "true"}, {"bool", "TRUE", "true"}, {"bool", "1", "true"}, {"bool", "yes", "true"}, {"bool", "On", "true"},
		{"bool", "False", "false"}, {"bool", "0", "false"}, {"bool", "NO", "false"}, {"bool", "off", "false"}, {"bool", " true ", "true"},
		{"bool", "t", refused}, {"bool", "y", refused}, {"bool", "", refused}, {"bool", "2", refused}, {"bool", "tru", refused},

		{"whole", "1", "1"}, {"whole", "+1", "1"}, {"whole", "-1", "-1"}, {"whole", " 1 ", "1"}, {"whole", "007", "7"},
		{"whole", "1_000", "1000"}, {"whole", "1_2_3", "123"}, {"whole", "65535", "65535"}, {"whole", "-5", "-5"},
		{"whole", "65536", refused}, {"whole", "-6", refused}, {"whole", "0x10", refused}, {"whole", "1.0", refused},
		{"whole", "1e3", refused}, {"whole", "", refused}, {"whole", "1__0", refused}, {"whole", "_1", refused},
		{"whole", "99999999999999999999", refused}, {"whole", "1 2", refused},

		{"seconds", "1", "1"}, {"seconds", "1.5", "1.5"}, {"seconds", "1e3", "1000"}, {"seconds", ".5", "0.5"},
		{"seconds", "0.000000001", "0.000000001"}, {"seconds", "0", "0"}, {"seconds", "3600", "3600"},
		{"seconds", "3600.1", refused}, {"seconds", "-1", refused}, {"seconds", "inf", refused}, {"seconds", "nan", refused},
		{"seconds", "", refused}, {"seconds", "5s", refused}, {"seconds", "1e999", refused},

		{"choice", "off", "off"}, {"choice", "OFF", refused}, {"choice", "", refused}, {"choice", "x", refused},

		{"host", "127.0.0.1", "127.0.0.1"}, {"host", "::1", "::1"}, {"host", "fe80::1%eth0", "fe80::1%eth0"}, {"host", "0.0.0.0", "0.0.0.0"},
		{"host", "localhost", "localhost"}, {"host", "mq-1.example.org", "mq-1.example.org"}, {"host", "my_host", "my_host"},
		{"host", "[::1]", refused}, {"host", "", refused}, {"host", "*", refused}, {"host", "a b", refused}, {"host", "-a", refused},
		{"host", "999.1.1.1", refused}, {"host", "1.2.3", refused}, {"host", "host:80", refused}, {"host", "a..b", refused},

		{"address", "127.0.0.1:8888", "127.0.0.1:8888"}, {"address", "[::1]:0", "[::1]:0"}, {"address", ":8888", ":8888"},
		{"address", "localhost:65535", "localhost:65535"}, {"address", "", ""},
		{"address", "localhost", refused}, {"address", "localhost:", refused}, {"address", "localhost:65536", refused},
		{"address", "localhost:http", refused}, {"address", "::1:80", refused}, {"address", "a b:80", refused}, {"address", "h:+80", refused},

		{"uri", "sqlite:/tmp/x.db", "sqlite:/tmp/x.db"}, {"uri", "memory:", "memory:"}, {"uri", "", ""},
		{"uri", "redis://h1:1,h2:2?master=m", "redis://h1:1,h2:2?master=m"},
		{"uri", "/tmp/x.db", refused}, {"uri", "redis", refused}, {"uri", "redis://a b", refused}, {"uri", ":x", refused},
	}
	for _, tt := range tests {
		v := kinds[tt.kind]
		v.reset()
		before, ok := v.text(), v.set(tt.text)
		switch got := v.text(); {
		case ok && got != tt.want:
			t.Errorf("%s: set(%q) gives %q, want %q", tt.kind, tt.text, got, tt.want)
		case !ok && tt.want != refused:
			t.Errorf("%s: set(%q) is refused, want %q", tt.kind, tt.text, tt.want)
		case !ok && got != before:
			t.Errorf("%s: set(%q) is refused, but changes %q to %q", tt.kind, tt.text, before, got)
		}
	}
}
