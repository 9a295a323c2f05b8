package storagetest

import (
	"sync"
	"testing"
)

// tasks are goroutines of one case, which may not end the test themselves.
type tasks struct {
	wg sync.WaitGroup

	mu   sync.Mutex // guards errs
	errs []error
}

func (ts *tasks) run(task func() error) {
	ts.wg.Go(func() {
		if err := task(); err != nil {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			ts.errs = append(ts.errs, err)
		}
	})
}

// wait waits for all and fails the case if one failed.
func (ts *tasks) wait(t testing.TB) {
	t.Helper()
	ts.wg.Wait()
	for _, err := range ts.errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
}
