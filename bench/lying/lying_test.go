package lying

import (
	"os"
	"slices"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

// A liar whose occasion never comes is a store like any other.
func TestWhoNeverLiesIsAStore(t *testing.T) {
	if os.Getenv("MARCONI_TEST_SOAK") != "1" {
		t.Skip("takes a minute: set MARCONI_TEST_SOAK=1")
	}
	for _, lie := range []Lie{Drop, Tear, SkipClaimed, ClaimTwice, Revive} { // one of each kind of decorator
		t.Run(string(lie), func(t *testing.T) {
			t.Parallel()
			storagetest.Data(t, storagetest.Harness{Open: func(t testing.TB, o storage.Options) storage.Opened {
				s, err := memory.Open(t.Context(), "memory:", o)
				if err != nil {
					t.Fatal(err)
				}
				s.Data = wrap(s.Data, lie, &teller{every: 1 << 62})
				return s
			}})
		})
	}
}

func TestEveryAndMost(t *testing.T) {
	l := &teller{every: 3, most: 2}
	var taken []int
	for i := 1; i <= 20; i++ {
		if !l.due() {
			continue
		}
		if taken = append(taken, i); i == 6 {
			l.gaveUp()
			continue
		}
		l.lied(marconi.MessageID(rune('a' + i)))
	}
	if want := []int{3, 6, 9}; !slices.Equal(taken, want) || len(l.all()) != 2 {
		t.Errorf("occasions %v were taken and %v told, want %v and two", taken, l.all(), want)
	}
}

func TestADamagedBodyIsJSONStill(t *testing.T) {
	for body, want := range map[string]string{`{"d":"xyz"}`: `{"d":"xyA"}`, `"a"`: `"B"`, `"B1"`: `"C1"`} {
		if got := string(damaged([]byte(body))); got != want {
			t.Errorf("damaged(%s) = %s, want %s", body, got, want)
		}
	}
}
