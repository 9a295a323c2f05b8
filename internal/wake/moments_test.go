package wake

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestMoments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []time.Duration
		h := New(time.Now, func(string) ([]int, time.Time) {
			asked = append(asked, time.Since(start))
			return []int{1}, time.Time{}
		})
		defer h.Close()

		h.At("k", start.Add(time.Second)) // nobody waits: ignored
		w := h.Watch("k", true, nil)
		defer w.Close()
		if len(asked) != 1 || !signalled(w) {
			t.Fatalf("the first to watch made the hub ask %d times, want once", len(asked))
		}
		h.At("k", start.Add(25*time.Second))
		h.At("k", start.Add(40*time.Second)) // later: not kept
		h.At("k", start.Add(3*time.Second))
		<-w.C()
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("woken after %v, want 3s", got)
		}
		h.At("k", start.Add(25*time.Second)) // beyond the longest sleep
		<-w.C()
		if got := time.Since(start); got != 25*time.Second {
			t.Errorf("woken after %v, want 25s", got)
		}
		time.Sleep(time.Minute)
		if len(asked) != 3 {
			t.Errorf("asked at %v; want at 0s, 3s and 25s", asked)
		}
	})
}

func TestTheAnswerNamesTheNextMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := 0
		h := New(time.Now, func(string) ([]int, time.Time) {
			n++
			switch n {
			case 1:
				return nil, start.Add(time.Second)
			case 2, 3: // more to do
				return nil, start
			}
			return []int{1}, time.Time{}
		})
		defer h.Close()
		w := h.Watch("k", false, nil)
		defer w.Close()
		<-w.C()
		if got := time.Since(start); got != time.Second || n != 4 {
			t.Errorf("woken after %v and %d questions, want 1s and 4", got, n)
		}
	})
}

func TestAMomentDuringTheAnswerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var h *Hub[string, int]
		n := 0
		h = New(time.Now, func(string) ([]int, time.Time) {
			if n++; n == 1 {
				h.At("k", start.Add(time.Second))
				return nil, start.Add(time.Hour)
			}
			return []int{1}, time.Time{}
		})
		defer h.Close()
		w := h.Watch("k", true, nil)
		defer w.Close()
		<-w.C()
		if got := time.Since(start); got != time.Second {
			t.Errorf("woken after %v, want 1s", got)
		}
	})
}

func TestNobodyIsAskedAboutWhatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		h := New(time.Now, func(string) ([]int, time.Time) {
			n++
			return nil, time.Now().Add(time.Second)
		})
		defer h.Close()
		w := h.Watch("k", true, nil)
		w.Close()
		time.Sleep(time.Minute)
		if n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		if h.Watched("k") {
			t.Error("the key is watched after the last waiter went")
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		n := 0
		h := New(time.Now, func(string) ([]int, time.Time) {
			if n++; n > 1 {
				<-answer
			}
			return nil, time.Now().Add(time.Second)
		})
		w := h.Watch("k", true, nil)
		defer w.Close()
		time.Sleep(1500 * time.Millisecond) // due has been called, and hangs

		closed := make(chan struct{})
		go func() {
			h.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed with a question under way")
		default:
		}
		close(answer)
		<-closed
		h.Close()

		if !signalled(w) {
			t.Error("closing did not wake who waits")
		}
		late := h.Watch("k", true, nil)
		defer late.Close()
		late.Pass()
		if !signalled(late) {
			t.Error("who watches a closed hub is not woken")
		}
		time.Sleep(time.Minute)
		if n != 2 {
			t.Errorf("asked %d times, want none after closing", n)
		}
	})
}
