//go:build unix

package redis

import (
	"slices"
	"testing"

	"github.com/marconi-mq/marconi"
)

// A server that has lost its data is told anew which queues hold messages: without that they could not be counted or adopted.
func TestQueuesAreNotedAnew(t *testing.T) {
	f := newRunningFixture(t)
	ctx := t.Context()
	for what, lose := range map[string]func(){
		"a restart without data": func() { f.server.Kill(); f.server.Start() },
		"a broken connection":    func() { f.server.Do("FLUSHALL"); f.server.Do("CLIENT", "KILL", "TYPE", "normal") },
	} {
		f.postSafely(1)
		lose()
		f.postSafely(1)
		if got, err := f.Queues(ctx); err != nil || !slices.Equal(got, []marconi.QueueRef{f.q}) {
			t.Errorf("after %s: Queues = %v, %v; want %v", what, got, err, f.q)
		}
	}
}
