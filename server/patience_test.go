package server

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// A store that is still starting is waited for; one that has another reason not to open, or starts for too long, is not.
func TestAStoreThatIsNotThereYet(t *testing.T) {
	starting := fmt.Errorf("open it: %w", storage.ErrNotYet)
	broken := errors.New("it is broken")
	for name, tt := range map[string]struct {
		errs []error
		want error
		took time.Duration
	}{
		"there":                 {nil, nil, 0},
		"there at last":         {[]error{starting, starting, starting}, nil, 3 * tryEvery},
		"broken":                {[]error{broken}, broken, 0},
		"broken at last":        {[]error{starting, broken}, broken, tryEvery},
		"not there in its time": {[]error{starting, starting, starting, starting, starting, starting, starting}, storage.ErrNotYet, 5 * tryEvery},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log logBuffer
			tries := 0
			open := func(context.Context, string, storage.Options) (storage.Opened, error) {
				tries++
				if tries <= len(tt.errs) {
					return storage.Opened{}, tt.errs[tries-1]
				}
				return storage.Opened{Data: struct{ marconi.DataStore }{}, Control: struct{ marconi.ControlStore }{}}, nil
			}
			s := &Server{log: newTextLogger(&log), stores: storage.NewRegistry(storage.Drivers{"slow": open})}
			start := time.Now()
			_, err := s.openPatiently(t.Context(), Options{DataURI: "slow:", Patience: 5 * tryEvery}, storage.Options{})
			if took := time.Since(start); !errors.Is(err, tt.want) || took != tt.took {
				t.Errorf("%s: %v after %v, want %v after %v", name, err, took, tt.want, tt.took)
			}
			if lines := log.lines("waiting for a store"); (len(lines) == 1) != (tt.took > 0) {
				t.Errorf("%s: the log has %q", name, lines)
			}
		})
	}
}
