package swift

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
)

func TestRecordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := key(marconi.Project(rapid.String().Draw(t, "project")), "q")
		number := marconi.Incarnation(rapid.Int64Range(1, 1<<53-1).Draw(t, "incarnation"))
		q := marconi.Queue{
			QueueRef: marconi.QueueRef{QueueKey: k, Incarnation: number},
			Metadata: marconi.Metadata(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "metadata")),
		}
		body, contentType, err := encodeQueue(q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeQueue(k, body)
		if diff := cmp.Diff(q, got); err != nil || diff != "" {
			t.Errorf("decodeQueue(%q): %v, (-want +got)\n%s", body, err, diff)
		}
		if listed, err := listedIncarnation(contentType); err != nil || listed != number {
			t.Errorf("listedIncarnation(%q) = %d, %v; want %d", contentType, listed, err, number)
		}
	})
}

func TestRecordsThatAreNotWhole(t *testing.T) {
	for _, body := range []string{
		"", "{}", "{}\n{}", `{"incarnation":"1"}`, `{"incarnation":"1"}` + "\n", `{"incarnation":"0"}` + "\n{}", `{"incarnation":"-1"}` + "\n{}",
		`{"incarnation":"20000000000000"}` + "\n{}", `{"incarnation":1}` + "\n{}", "x\n{}",
	} {
		if q, err := decodeQueue(key("p", "q"), []byte(body)); err == nil {
			t.Errorf("decodeQueue(%q) = %+v", body, q)
		}
	}
	for _, text := range []string{"", "text/plain; i=1", queueType, queueType + "; i=", queueType + "; i=0", queueType + "; i=x", queueType + ";;"} {
		if n, err := listedIncarnation(text); err == nil {
			t.Errorf("listedIncarnation(%q) = %d", text, n)
		}
	}
}

func FuzzDecodeQueue(f *testing.F) {
	f.Add([]byte(`{"project":"p","queue":"q","incarnation":"1f"}` + "\n{}"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := decodeQueue(key("p", "q"), body)
		if err == nil && (q.Incarnation <= 0 || len(q.Metadata) == 0) {
			t.Errorf("decodeQueue(%q) = %+v", body, q)
		}
	})
}

// Whatever a marker is, the names behind it are the same for Swift.
func TestMarkersKeepTheirPlace(t *testing.T) {
	const letters = "-.09AZ_az"
	name := rapid.StringOfN(rapid.SampledFrom([]rune(letters)), 1, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		marker := name.Draw(t, "begin") + rapid.SampledFrom([]string{"", "\x00", " ", "/", ":", "^", "`", "{", "~", "\xff", "ä"}).Draw(t, "odd") +
			rapid.OneOf(name, rapid.Just("")).Draw(t, "rest")
		sent := markerOf(marconi.Marker(marker))
		n := name.Draw(t, "name")
		if (n > marker) != (n > sent) {
			t.Errorf("%q stands behind %q: %v, and behind what is sent for it, %q: %v", n, marker, n > marker, sent, n > sent)
		}
		if strings.ContainsFunc(sent, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("markerOf(%q) = %q, which no name of an object may be", marker, sent)
		}
	})
}

// No project's queues are listed with another's, and the names fit.
func TestProjectsAreApart(t *testing.T) {
	var stems []string
	for _, p := range []marconi.Project{"", "a", "a/b", "None", "q/", marconi.Project(strings.Repeat("ä", marconi.MaxProject))} {
		stem := queuesOf(p)
		if slices.Contains(stems, stem) || len(stem)+marconi.MaxQueueName > 200 || strings.Count(stem, "/") != 2 {
			t.Errorf("queuesOf(%.10q) = %q", p, stem)
		}
		stems = append(stems, stem)
	}
}
