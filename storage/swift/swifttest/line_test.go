package swifttest

import (
	"testing"

	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

var _ storagetest.Line = (*Line)(nil)

func TestLine(t *testing.T) {
	l := NewLine(memory(t, Options{}))
	store := func(name string) error { return l.Put(t.Context(), of(name), nil, objects.Attributes{}) }
	struck := l.LoseReply(1)
	must(t, "the answer before the lost one", store("a"))
	wantErr(t, "the lost one", store("b"), errHungUp)
	must(t, "the one behind it", store("c"))
	if !struck() {
		t.Error("struck is false after the loss")
	}
	if l.LoseReply(0)() {
		t.Error("struck before anything was asked for")
	}
	wantListed(t, "after a loss", l, "a", "b", "c")
	l.Break()
	wantErr(t, "broken", store("d"), errNoRoute)
	l.Mend()
	wantListed(t, "mended", l, "a", "b", "c")
}
