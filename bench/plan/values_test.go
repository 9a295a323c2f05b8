package plan

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0s", "0s": "0s", "250ms": "250ms", "1.5s": "1500ms", "60s": "1m", "90s": "90s", "1h30m": "90m", "72h": "72h", "1us": "1us", "1µs": "1us",
		"1500us": "1500us", "3ns": "3ns", "1000000001ns": "1000000001ns",
	} {
		d, err := ParseDuration(text)
		if err != nil || d.String() != want {
			t.Errorf("ParseDuration(%q) = %s, %v, want %s", text, d, err, want)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s is read back as %d, %v, want %d", d, again, err, d)
		}
	}
	for _, text := range []string{"", "1", "250", "1.5", "-1s", "1 s", "1d", "s", "1e3s", "nan", "9999999h"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %s, want an error", text, d)
		}
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{"1000": 1000, "1000/s": 1000, "0.5": 0.5, "1e3": 1000, "1000000": MaxRate} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "1/m", "x", "Inf", "NaN", "0x10", "1_000", "1000001", "1e400"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", text, got)
		}
	}
}

func TestSizeText(t *testing.T) {
	for text, want := range map[string]string{
		"80B": "80B", "1024B": "1KiB", "1.5KiB": "1536B", "2MiB": "2MiB", "1kB": "1000B", "0B": "0B", "fixed:1KiB": "1KiB",
		"uniform:1KiB..4KiB": "uniform:1KiB..4KiB", "lognormal:1kB,0.50": "lognormal:1000B,0.5",
		"mix:{0.8: 80B, 0.1: 1.5KiB, 0.1: 300B}": "mix:{0.8: 80B, 0.1: 1536B, 0.1: 300B}", "mix{1:5B}": "mix:{1: 5B}",
		"file:a/b.txt": "file:a/b.txt", "file:a#12": "file:a#12",
	} {
		s, err := ParseSize(text)
		if err != nil || s.String() != want {
			t.Errorf("ParseSize(%q) = %s, %v, want %s", text, s, err, want)
		}
	}
	for _, text := range []string{
		"", "80", "80b", "80 KB", "0.3B", "-1B", "2000MiB", "uniform:1B", "uniform:2B..1B", "lognormal:1B", "lognormal:1B,0", "mix:{}", "mix",
		"mix:{0.5: 1B}", "mix:{2: 1B}", "mix:{-0.5: 1B, 1.5: 1B}", "mix:{x: 1B}", "mix:{1: 1}", "mix:{1: 1B", "file:", "file:a,b", "exact:1B",
	} {
		if s, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %s, want an error", text, s)
		}
	}
}

// TestSizeDraws: the mean of many is what the text says, within five of its standard errors.
func TestSizeDraws(t *testing.T) {
	const n = 200_000
	for text, want := range map[string]struct{ mean, sd float64 }{
		"1KiB":                     {1024, 0},
		"uniform:100B..300B":       {200, 58},
		"mix:{0.8: 80B, 0.2: 1kB}": {264, 368},
		"lognormal:1kB,0.5":        {1000 * math.Exp(0.125), 604},
	} {
		size, err := ParseSize(text)
		if err != nil {
			t.Fatal(err)
		}
		r, sum := rand.New(rand.NewPCG(1, 2)), 0.0
		for range n {
			sum += float64(size.Draw(r))
		}
		if got := sum / n; math.Abs(got-want.mean) > 5*want.sd/math.Sqrt(n)+1e-9 {
			t.Errorf("the mean of %s is %.2f, want %.2f", text, got, want.mean)
		}
	}
}

func TestSizeFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sizes")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(minimal, "work-queue", "work-queue, messages: {size: 'file:"+file+"'}", 1)
	write("# three sizes\n80B\n\n1KiB\n300B\n")
	p := mustParse(t, text)
	size := p.Workloads[0].Messages.Size
	seen, r := map[int]int{}, rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		seen[size.Draw(r)]++
	}
	if len(seen) != 3 || seen[80] < 800 || seen[1024] < 800 || seen[300] < 800 || size.Max() != 1024 {
		t.Errorf("the lines of a file are drawn %v times, up to %d", seen, size.Max())
	}
	if mustParse(t, string(p.Effective())).Hash() != p.Hash() {
		t.Error("the plan with a file is read back as another")
	}
	for _, changed := range []string{"80B\n", "# nothing\n", "80\n"} {
		write(changed)
		if _, err := Parse("x", p.Effective()); err == nil || !strings.Contains(err.Error(), "has changed") {
			t.Errorf("Parse with another file = %v, want that it has changed", err)
		}
	}
	for _, wrong := range []string{"# nothing\n", "80\n"} {
		write(wrong)
		if _, err := Parse("x", []byte(text)); err == nil {
			t.Errorf("a file of sizes with %q is taken", wrong)
		}
	}
	var unread Size
	if err := unread.UnmarshalText([]byte(size.String())); err != nil || unread.Draw(r) != 0 {
		t.Errorf("a size read from results without its file is %s, %v, and draws", unread, err)
	}
}

func TestDistribution(t *testing.T) {
	const n = 200_000
	for text, want := range map[string]struct {
		text     string
		mean, sd float64 // ms
	}{
		"0":                   {"0s", 0, 0},
		"20ms":                {"20ms", 20, 0},
		"fixed:0.5s":          {"500ms", 500, 0},
		"uniform:10ms..30ms":  {"uniform:10ms..30ms", 20, 5.8},
		"exponential:20ms":    {"exponential:20ms", 20, 20},
		"lognormal:20ms, 0.5": {"lognormal:20ms,0.5", 20 * math.Exp(0.125), 12},
		"exponential:0":       {"exponential:0s", 0, 0},
		"uniform:5ms..5000us": {"uniform:5ms..5ms", 5, 0},
		"lognormal:0s,2":      {"lognormal:0s,2", 0, 0},
		"uniform:0..100000us": {"uniform:0s..100ms", 50, 29},
		"exponential:0.1ms":   {"exponential:100us", 0.1, 0.1},
		"fixed:24h":           {"24h", 86_400_000, 0},
	} {
		d, err := ParseDistribution(text)
		if err != nil || d.String() != want.text {
			t.Errorf("ParseDistribution(%q) = %s, %v, want %s", text, d, err, want.text)
		}
		r, sum := rand.New(rand.NewPCG(3, 4)), 0.0
		for range n {
			x := d.Draw(r)
			if x < 0 || x > maxTime {
				t.Fatalf("%s drew %s", text, x)
			}
			sum += time.Duration(x).Seconds() * 1000
		}
		if got := sum / n; math.Abs(got-want.mean) > 5*want.sd/math.Sqrt(n)+want.mean*1e-9 {
			t.Errorf("the mean of %s is %.3f ms, want %.3f", text, got, want.mean)
		}
	}
	for _, text := range []string{"", "20", "25h", "uniform:1ms", "uniform:2ms..1ms", "exponential", "normal:1ms", "lognormal:1ms,3", "fixed{1ms}"} {
		if d, err := ParseDistribution(text); err == nil {
			t.Errorf("ParseDistribution(%q) = %s, want an error", text, d)
		}
	}
}

func TestQueueChoice(t *testing.T) {
	choose := func(text string, client int) (counts [4]int) {
		q, err := ParseQueueChoice(text)
		if err != nil || q.String() != text {
			t.Fatalf("ParseQueueChoice(%q) = %s, %v", text, q, err)
		}
		next := q.Of(rand.New(rand.NewPCG(5, uint64(client))), client, len(counts))
		for range 4000 {
			counts[next()]++
		}
		return counts
	}
	if got := choose("round_robin", 2); got != [4]int{1000, 1000, 1000, 1000} {
		t.Errorf("round_robin chose %v times", got)
	}
	if got := choose("sticky", 6); got != [4]int{0, 0, 4000, 0} {
		t.Errorf("sticky client 6 chose %v times", got)
	}
	for i, n := range choose("uniform", 1) {
		if n < 850 || n > 1150 {
			t.Errorf("uniform chose queue %d %d times of 4000", i, n)
		}
	}
	// The shares of 1, 1/2, 1/3, 1/4 are 0.48, 0.24, 0.16, 0.12 at an exponent near 1.
	if got := choose("zipf:1.001", 1); got[0] < 1800 || got[0] > 2040 || got[3] < 400 || got[3] > 560 {
		t.Errorf("zipf chose %v times", got)
	}
	if next := (QueueChoice{}).Of(nil, 3, 4); next() != 3 || next() != 0 {
		t.Error("clients don't begin at a queue of their own")
	}
	for _, text := range []string{"", "zipf", "zipf:1", "zipf:0.5", "zipf:11", "zipf:x", "uniform:1", "random"} {
		if q, err := ParseQueueChoice(text); err == nil {
			t.Errorf("ParseQueueChoice(%q) = %s, want an error", text, q)
		}
	}
}

func TestArrivals(t *testing.T) {
	for text, want := range map[string]struct {
		text string
		rate Rate
	}{
		"even": {"even", 0}, "poisson": {"poisson", 0}, "burst{size: 10}": {"burst{size: 10}", 0},
		"burst:{every: 100ms, size: 10}": {"burst{size: 10, every: 100ms}", 100},
		"trace{file: a/b}":               {"trace{file: a/b}", 0},
		"trace{file: a#12}":              {"trace{file: a#12}", 0},
	} {
		a, err := ParseArrivals(text)
		if err != nil || a.String() != want.text || a.OwnRate() != want.rate {
			t.Errorf("ParseArrivals(%q) = %s at %v/s, %v, want %v", text, a, a.OwnRate(), err, want)
		}
		if again, err := ParseArrivals(a.String()); err != nil || again != a {
			t.Errorf("%s is read back as %+v, %v", a, again, err)
		}
	}
	for _, text := range []string{
		"", "even:1", "even{size: 1}", "burst", "burst:10", "burst{}", "burst{every: 1s}", "burst{size: 1, size: 2}", "burst{size: 1, evry: 1s}",
		"burst{size: 1, every: 0s}", "burst{size: 1.5}", "burst{size: 1", "trace", "trace{}", "trace{file: }", "trace{file: a, file: b}", "bursts{size: 1}",
	} {
		if a, err := ParseArrivals(text); err == nil {
			t.Errorf("ParseArrivals(%q) = %s, want an error", text, a)
		}
	}
}

// TestTrace: the file of a trace is looked at when the plan is read.
func TestTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	text := strings.Replace(minimal, "[100]", "[100], arrivals: {trace: {file: "+file+"}}", 1)
	if _, err := Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Parse without the file = %v", err)
	}
	if err := os.WriteFile(file, []byte("0\n0.5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, text)
	if p.Load.Arrivals.Digest == "" || mustParse(t, string(p.Effective())).Hash() != p.Hash() {
		t.Errorf("the plan with a trace is read back as another: %s", p.Load.Arrivals)
	}
	if _, err := Parse("x", []byte(strings.Replace(text, "[100]", "[100, 200]", 1))); err == nil {
		t.Error("a trace at two rates is taken")
	}
}

func TestNearest(t *testing.T) {
	known := []string{"warmup", "duration", "drain", "p99", "id"}
	for word, want := range map[string]string{
		"warm-up": "warmup", "Duration": "duration", "duratoin": "duration", "drian": "drain", "p95": "p99", "repeats": "", "x": "", "": "",
		strings.Repeat("duration", 100): "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"größe", "grösse", 2}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
