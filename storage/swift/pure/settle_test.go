package pure

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// rivalIn has another process make the same setting: its PUT was let through before ours was stored, and is over just before ours is
// read back.
func rivalIn(t *testing.T, account *swifttest.Memory, name, text string) *swifttest.Faulty {
	c := swifttest.NewFaulty(account)
	at := objects.Path{Container: "marconi", Name: name}
	c.Fail(swifttest.Put, 1, swifttest.Fault{Then: func() {
		time.AfterFunc(objects.SettleTime-time.Millisecond, func() {
			if err := account.Put(t.Context(), at, []byte(text), plainText(text)); err != nil {
				t.Error(err)
			}
		})
	}})
	return c
}

func TestTwoFirstStartsAgreeOnShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rivalIn(t, swifttest.NewMemory(swifttest.Options{}), "shards", "4")
		if s, err := New(t.Context(), c, Options{Shards: 2}); err == nil {
			t.Error("a store opened with 2 shards, and the data is in 4")
			_ = s.Close()
		}
	})
}

func TestTwoFirstStartsAgreeOnTheControlStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := swifttest.NewMemory(swifttest.Options{})
		if err := mustOpen(t, account, Options{}).Close(); err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), rivalIn(t, account, "control", "theirs"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Bind(t.Context(), "ours", false); !errors.Is(err, marconi.ErrForeignData) {
			t.Errorf("Bind = %v, and the data is bound to another control store", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
