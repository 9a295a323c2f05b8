package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errReset = errors.New("connection reset")

// after runs a call under a clock of its own, and tells how long it took, how often it was sent, and how it ended.
func after(t *testing.T, config Config, replies []reply, do func(context.Context, *Client) error) (took time.Duration, sent int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := play(replies...)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		start := time.Now()
		err = do(ctx, newClient(t, s, config))
		took, sent = time.Since(start), len(s.asked)
	})
	return took, sent, err
}

func ping(ctx context.Context, c *Client) error { return c.Ping(ctx) }

func TestNothingIsRepeatedByDefault(t *testing.T) {
	_, sent, err := after(t, Config{}, []reply{{status: 503}}, ping)
	if sent != 1 || !errors.Is(err, ErrUnavailable) {
		t.Errorf("sent %d times, %v; want once, %v", sent, err, ErrUnavailable)
	}
}

func TestRetry(t *testing.T) {
	post := func(ctx context.Context, c *Client) error {
		_, err := c.Queue("jobs").Post(ctx, NewMessage{})
		return err
	}
	claim := func(ctx context.Context, c *Client) error {
		_, err := c.Queue("jobs").Claim(ctx, ClaimRequest{})
		return err
	}
	pop := func(ctx context.Context, c *Client) error {
		_, err := c.Queue("jobs").Pop(ctx, 1)
		return err
	}
	update := func(ctx context.Context, c *Client) error {
		return c.Queue("jobs").UpdateClaim(ctx, cid1, ClaimUpdate{})
	}
	down, broken, done := reply{status: 503}, reply{err: errReset}, reply{status: 204}
	busy := func(seconds string) reply { return reply{status: 503, headers: "Retry-After: " + seconds} }
	tests := []struct {
		name     string
		retry    Retry
		replies  []reply
		do       func(context.Context, *Client) error
		sent     int
		min, max time.Duration
		err      error
	}{
		{"until it works", Retry{Attempts: 5}, []reply{down, broken, {status: 429}, done}, ping, 4, 350 * time.Millisecond, 700 * time.Millisecond, nil},
		{"with its body", Retry{Attempts: 2}, []reply{down, done}, update, 2, 50 * time.Millisecond, 100 * time.Millisecond, nil},
		{"until there are no attempts left", Retry{Attempts: 3, Wait: time.Second}, []reply{broken}, ping, 3, 1500 * time.Millisecond, 3 * time.Second, errReset},
		{"with bounded waits", Retry{Attempts: 6, Wait: time.Second, MaxWait: 2 * time.Second}, []reply{down}, ping, 6, 4500 * time.Millisecond, 9 * time.Second, ErrUnavailable},
		{"when the server asks for it", Retry{Attempts: 2}, []reply{busy("30"), done}, ping, 2, 30 * time.Second, 30 * time.Second, nil},
		{"not when the server asks for too long a wait", Retry{Attempts: 2, MaxWait: 29 * time.Second}, []reply{busy("30")}, ping, 1, 0, 0, ErrUnavailable},
		{"not when the context ends before", Retry{Attempts: 2, MaxWait: time.Hour}, []reply{busy("101")}, ping, 1, 0, 0, ErrUnavailable},
		{"not what won't pass", Retry{Attempts: 5}, []reply{{status: 404}}, ping, 1, 0, 0, ErrNotFound},
		{"never a post", Retry{Attempts: 5}, []reply{broken}, post, 1, 0, 0, errReset},
		{"never a claim", Retry{Attempts: 5}, []reply{down}, claim, 1, 0, 0, ErrUnavailable},
		{"never a pop", Retry{Attempts: 5}, []reply{down}, pop, 1, 0, 0, ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			took, sent, err := after(t, Config{Retry: tt.retry}, tt.replies, tt.do)
			if sent != tt.sent || !errors.Is(err, tt.err) {
				t.Errorf("sent %d times, %v; want %d, %v", sent, err, tt.sent, tt.err)
			}
			if took < tt.min || took > tt.max {
				t.Errorf("took %v, want %v to %v", took, tt.min, tt.max)
			}
		})
	}
}

// The error of a call that was cancelled while it waited says both what failed and why there was no further attempt.
func TestRetryEndsWithItsContext(t *testing.T) {
	took, sent, err := after(t, Config{Retry: Retry{Attempts: 9, Wait: time.Minute}}, []reply{{status: 503}}, func(ctx context.Context, c *Client) error {
		ctx, cancel := context.WithCancel(ctx)
		stop := time.AfterFunc(time.Second, cancel)
		defer stop.Stop()
		return c.Ping(ctx)
	})
	if sent != 1 || took != time.Second || !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("sent %d times in %v: %v; want once in 1s, %v and %v", sent, took, err, context.Canceled, ErrUnavailable)
	}
}
