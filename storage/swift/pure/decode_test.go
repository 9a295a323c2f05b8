package pure

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi"
	"pgregory.net/rapid"
)

func sortedStamps(m map[int]int) []int { return slices.Sorted(maps.Keys(m)) }

func FuzzParseName(f *testing.F) {
	name := placeAt(1)
	for _, s := range []string{"", name, leaseName(name, 1), leaseName(name, shortGeneration), leaseName(name, shortGeneration+1), name + ".L000", name + ".M000001", name + ".", name + ".Lfff0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		message, generation, ok := parseName(text)
		if !ok {
			return
		}
		want := message
		if generation > 0 {
			want = leaseName(message, generation)
		}
		if !isName(message) || want != text {
			t.Errorf("parseName(%q) = %q, %d, which is written %q", text, message, generation, want)
		}
	})
}

func FuzzParseContentTypes(f *testing.F) {
	for _, s := range []string{
		"", messageType, messageAttributes{expires: 1, ttl: 2, due: 3, client: "ä b;c", checksum: "MD5:00", kept: 4}.String(),
		leaseAttributes{claim: "c", birth: "b", count: 1, until: 2, ttl: 3}.String(),
		claimAttributes{birth: "b", node: "n", ends: 1, text: "t"}.String(),
		purgeAttributes{before: placeAt(1), emptied: placeAt(2), node: "0123", text: "t"}.String(), purgeType + "; b=1; u=2",
		drop{upTo: placeAt(1), node: "0123"}.String(), dropType + "; u=1; n=2", messageType + "; e=-1; t=1", messageType + "; e=1; t=1; c=%zz", leaseType + "; c=a/b; b=x; n=1", messageType + "; e=99999999999999999999; t=1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, ok := parseMessage(text); ok {
			if back, ok := parseMessage(m.String()); !ok || back != m {
				t.Errorf("parseMessage(%q) = %+v, which reads back as %+v, %v", text, m, back, ok)
			}
		}
		if l, ok := parseLease(text); ok {
			if back, ok := parseLease(l.String()); !ok || back != l {
				t.Errorf("parseLease(%q) = %+v, which reads back as %+v, %v", text, l, back, ok)
			}
		}
		if p, ok := parsePurge(text); ok {
			if back, ok := parsePurge(p.String()); !ok || back != p {
				t.Errorf("parsePurge(%q) = %+v, which reads back as %+v, %v", text, p, back, ok)
			}
		}
		if d, ok := parseDrop(text); ok {
			if back, ok := parseDrop(d.String()); !ok || back != d {
				t.Errorf("parseDrop(%q) = %+v, which reads back as %+v, %v", text, d, back, ok)
			}
		}
		if c, ok := parseClaim("id", text); ok {
			if back, ok := parseClaim("id", c.String()); !ok || back != c {
				t.Errorf("parseClaim(%q) = %+v, which reads back as %+v, %v", text, c, back, ok)
			}
		}
	})
}

func FuzzParseMarker(f *testing.F) {
	early, late := placeAt(1), placeAt(2)
	for _, s := range []string{"", early, late + "." + early + "w", late + "." + early + "pAAAAAQ", early + "." + late + "w", late + "." + early + "x", late + "." + early + "wA", late + "." + early + "pAAAA\rAQ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := parseMarker(marconi.Marker(text)); ok && string(p.encode()) != text {
			t.Errorf("parseMarker(%q) = %+v, which is written %q", text, p, p.encode())
		}
	})
}

func FuzzParseContent(f *testing.F) {
	for _, s := range []string{"", "null", "{}", `{"ttl":60,"updated":1,"whole":true,"messages":[{"m":"000000000000100000000","g":1,"n":1,"e":2,"t":3,"k":4}]}`, `{"messages":[{"m":"../q","g":1}]}`, `{"messages":[{"m":"000000000000100000000","g":-1}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseContent(body)
		if err != nil {
			return
		}
		written, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseContent(written); err != nil || !cmp.Equal(back, c) {
			t.Errorf("parseContent(%q) = %+v, which reads back as %+v, %v", body, c, back, err)
		}
		for _, h := range c.Held {
			if !isName(h.Name) || h.Generation < 1 {
				t.Errorf("parseContent(%q) holds %+v", body, h)
			}
		}
	})
}

func FuzzParseCard(f *testing.F) {
	f.Add(cardOf(newQueue("q")).Body)
	f.Add([]byte(`{"project":"","queue":"q","incarnation":-1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := parseCard(body)
		if err != nil {
			return
		}
		if back, err := parseCard(cardOf(q).Body); err != nil || back != q {
			t.Errorf("parseCard(%q) = %+v, which reads back as %+v, %v", body, q, back, err)
		}
	})
}

func TestLeasesSortBehindTheirMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stamp := rapid.Int64Range(0, 1<<51).Draw(t, "stamp")
		g := rapid.IntRange(1, lastGeneration-1).Draw(t, "generation")
		name, next := placeAt(stamp), placeAt(stamp+1)
		order := []string{name, leaseName(name, g), leaseName(name, g+1), name + behind, next}
		if !slices.IsSorted(order) {
			t.Errorf("%q are not in order", order)
		}
		if before := strings.TrimPrefix(beforeName(next), messagePrefix); before <= leaseName(name, lastGeneration) || before >= next {
			t.Errorf("the place before %q is %q", next, before)
		}
	})
}

func TestNamesRise(t *testing.T) {
	clock := newTurnedClock()
	here, there := newNameClock(clock.Now), newNameClock(clock.off(time.Hour))
	seen := map[string]bool{}
	last := ""
	check := func(names []string) {
		t.Helper()
		for _, name := range names {
			if !isName(name) || name <= last || seen[name] {
				t.Fatalf("name %q after %q", name, last)
			}
			last, seen[name] = name, true
		}
	}
	check(here.next(1000))
	clock.pass(-time.Minute)
	check(here.next(1000))
	ahead := there.next(1)
	check(ahead)
	here.saw(ahead[0])
	check(here.next(10))
	if place := here.latest(); place <= last {
		t.Errorf("the place behind all names is %q, after %q", place, last)
	}
	if names := here.next(1); names[0] <= last {
		t.Errorf("name %q is in front of the place behind all names", names[0])
	}
}
