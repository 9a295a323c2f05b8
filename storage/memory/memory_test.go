package memory

import (
	"testing"

	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

func harness() storagetest.Harness {
	return storagetest.Harness{
		Open: func(t testing.TB, o storage.Options) storage.Opened {
			s, err := Open(t.Context(), "memory://", o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Size: storagetest.HeapSize,
	}
}

func TestData(t *testing.T)    { storagetest.Data(t, harness()) }
func TestControl(t *testing.T) { storagetest.Control(t, harness()) }
