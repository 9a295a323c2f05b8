//go:build unix

package faults

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// A swiftAnswer is what a gateway before a Swift does while it lasts: to one request in so many, one of some troubles; or what its
// plan says.
type swiftAnswer struct {
	name     string
	puts     bool // it happens to PUTs alone
	troubles []faultproxy.Trouble
	plan     func(*http.Request) faultproxy.Trouble
}

var swiftAnswers = []swiftAnswer{
	{name: "503, before and after the work", troubles: []faultproxy.Trouble{
		{Refuse: http.StatusServiceUnavailable}, {Answer: http.StatusServiceUnavailable},
	}},
	{name: "401", troubles: []faultproxy.Trouble{{Refuse: http.StatusUnauthorized}}},
	{name: "202 in place of 201, stored and not", puts: true, troubles: []faultproxy.Trouble{
		{Refuse: http.StatusAccepted}, {Answer: http.StatusAccepted},
	}},
	{name: "no answer, before and after the work", troubles: []faultproxy.Trouble{{Lost: true}, {Mute: true}}},
	{name: "the connection ends after the work", troubles: []faultproxy.Trouble{{Cut: true}}},
}

// With an index nothing is listed but what is to be removed.
var lateListings = swiftAnswer{name: "listings that lag", plan: faultproxy.LateListings(2 * time.Second)}

// planOf says what happens to a request, one in so many, and counts those to which something does.
func (a swiftAnswer) planOf(one int, hit *atomic.Int64) func(*http.Request) faultproxy.Trouble {
	if a.puts {
		one = max(2, one/4) // of fewer requests more
	}
	return func(r *http.Request) (trouble faultproxy.Trouble) {
		isData := strings.HasPrefix(r.URL.Path, "/v1/") // not a log-in
		switch {
		case a.plan != nil:
			if trouble = a.plan(r); trouble.Change != nil {
				hit.Add(1)
			}
		case a.puts && r.Method != http.MethodPut:
		case isData && rand.IntN(one) == 0:
			hit.Add(1)
			return a.troubles[rand.IntN(len(a.troubles))]
		}
		return trouble
	}
}

// misanswered lets one trouble after the other happen to requests amid the workload, to one in so many, and some at least.
func (r *storeRun) misanswered(g *faultproxy.Gateway, one int, answers []swiftAnswer) {
	r.t.Helper()
	for _, a := range answers {
		some := int64(5)
		if a.puts {
			some = 20
		}
		var hit atomic.Int64
		refused, begun := r.door.refused.Load(), time.Now()
		r.trouble(func() {
			g.Plan(a.planOf(one, &hit))
			defer g.Plan(nil)
			for r.goOn(500 * time.Millisecond); hit.Load() < some; r.goOn(100 * time.Millisecond) {
				if time.Since(begun) > storePatience {
					r.t.Fatalf("%s: of all requests %d were in trouble", a.name, hit.Load())
				}
			}
		})
		r.t.Logf("%s: %d requests, %d answers of 503 in %v",
			a.name, hit.Load(), r.door.refused.Load()-refused, time.Since(begun).Round(time.Millisecond))
		r.goOn(100 * time.Millisecond)
	}
}

// TestSwiftAnswers has a gateway before a Swift answer some requests otherwise, or not at all. Without an index a call makes dozens
// of requests, so that it has to be less often.
func TestSwiftAnswers(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{})
	g := faultproxy.StartGateway(t, s.Host)
	arguments := func(options string) []string {
		uri := strings.Replace(s.StorageURI, s.Host, g.Addr(), 1)
		return []string{"--store", uri + "&request_timeout=5&" + options, "--request-timeout", "60"}
	}
	t.Run("with an index", func(t *testing.T) {
		r := newStoreRunOf(t, "swift with an index, misanswered", short(swiftEvery, 0), arguments(swiftIndex(t))...)
		r.beforeDrain = r.restart
		for range short(1, 10) {
			r.misanswered(g, 4, swiftAnswers)
		}
		r.wantKept(r.finish())
	})
	t.Run("alone", func(t *testing.T) {
		r := newStoreRunOf(t, "swift alone, misanswered", short(8, swiftEvery), arguments("index=none")...)
		for range short(1, 10) {
			r.misanswered(g, 16, append(swiftAnswers, lateListings))
		}
		wantNothingLost(t, r.finishAlone())
	})
}
