package spelling_test

import (
	"testing"

	"github.com/marconi-mq/marconi/internal/spelling"
)

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"port", "port", 0}, {"port", "prot", 1}, {"port", "ports", 1},
		{"port", "pxrt", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	}
	for _, tt := range tests {
		if got := spelling.Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := spelling.Distance(tt.b, tt.a); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"auth", "auth_url", "index", "shards"}
	for given, want := range map[string]string{"autht": "auth", "indx": "index", "auht_url": "auth_url", "containers": "", "shards": "shards"} {
		if got := spelling.Nearest(given, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", given, got, want)
		}
	}
	if got := spelling.Nearest("a", nil); got != "" {
		t.Errorf("Nearest among none = %q", got)
	}
}
