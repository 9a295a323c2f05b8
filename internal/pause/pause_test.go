package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name     string
			d, until time.Duration
			took     time.Duration
			want     error
		}{
			{"a pause", time.Second, time.Minute, time.Second, nil},
			{"nothing", 0, time.Minute, 0, nil},
			{"less than nothing", -time.Second, time.Minute, 0, nil},
			{"a context that ends before", time.Minute, time.Second, time.Second, context.DeadlineExceeded},
			{"nothing, in a context that has ended", 0, -time.Second, 0, context.DeadlineExceeded},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), tt.until)
			start := time.Now()
			if err := For(ctx, tt.d); !errors.Is(err, tt.want) || time.Since(start) != tt.took {
				t.Errorf("%s: %v after %v, want %v after %v", tt.name, err, time.Since(start), tt.want, tt.took)
			}
			cancel()
		}
	})
}
