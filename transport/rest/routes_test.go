package rest

import (
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/transport/dialect"
)

// What the router takes for granted of the table.
func TestRoutes(t *testing.T) {
	seen := map[string]dialect.Version{}
	for _, r := range routes {
		method, path, found := strings.Cut(r.on, " ")
		if !found || method != strings.ToUpper(method) || !strings.HasPrefix(path, "/") || r.handle == nil || r.versions == 0 {
			t.Errorf("the route %q is not complete", r.on)
		}
		if seen[r.on].Has(r.versions) {
			t.Errorf("the route %q is there twice in a version", r.on)
		}
		seen[r.on] |= r.versions
		if n := strings.Count(path, "{"); n > maxParams {
			t.Errorf("the route %q has %d variables; a place holds %d", r.on, n, maxParams)
		}
		if strings.Contains(path, "{queue}") && !strings.HasPrefix(path, "/queues/{queue}") {
			t.Errorf("the queue is not the first variable of %q", r.on)
		}
	}
}

// Every route of the table is found where it says.
func TestPlant(t *testing.T) {
	root := plant(routes, dialect.New(dialect.All|dialect.Discovery), true)
	for _, r := range routes {
		for _, d := range dialect.New(r.versions) {
			_, path, _ := strings.Cut(r.on, " ")
			var p place
			filled := strings.NewReplacer("{queue}", "q", "{message}", "m", "{claim}", "c").Replace(d.Prefix + path)
			if !root.find(filled, &p) || p.dialect.Version != d.Version {
				t.Errorf("%s of version %s is not found at %s", r.on, d.Name, filled)
				continue
			}
			if method, _, _ := strings.Cut(r.on, " "); p.method(method) == nil || p.method(method).route != r.on {
				t.Errorf("%s of version %s is not what answers at %s", r.on, d.Name, filled)
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	root := plant(routes, dialect.New(dialect.All|dialect.Discovery), false)
	b.ReportAllocs()
	for b.Loop() {
		var p place
		if !root.find("/v1.1/queues/demo/messages", &p) {
			b.Fatal("not found")
		}
	}
}
