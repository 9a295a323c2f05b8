package swift

import (
	"sync"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// newControl is a control store on a client, which takes no time over its ID.
func newControl(t testing.TB, c objects.Client, namespace string) *controlStore {
	t.Helper()
	s := newControlStore(c, "marconi", namespace)
	s.settle = 0
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// memoryControl keeps each control store in a namespace of an account in memory, behind a line of its own.
func memoryControl(account *swifttest.Memory) storagetest.Harness {
	var lines sync.Map // by control store
	open := func(t testing.TB, o storage.Options) storage.Opened {
		line := swifttest.NewLine(account)
		s := newControl(t, line, o.Namespace)
		lines.Store(s, line)
		return storage.Opened{Control: s}
	}
	return storagetest.Harness{
		Weak: storagetest.LastWriteWins,
		Open: open,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			if err := s.Control.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return open(t, o)
		},
		Cut: func(t testing.TB, s storage.Opened) storagetest.Line {
			line, _ := lines.Load(s.Control)
			return line.(*swifttest.Line)
		},
	}
}

// TestControlInMemory is the suite over an account in memory.
func TestControlInMemory(t *testing.T) {
	storagetest.Control(t, memoryControl(swifttest.NewMemory(swifttest.Options{})))
}

func key(p marconi.Project, name marconi.QueueName) marconi.QueueKey {
	return marconi.QueueKey{Project: p, Name: name}
}
