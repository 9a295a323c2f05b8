package broker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a broker over a store in memory whose clock the test turns.
type rig struct {
	*Broker
	data    marconi.DataStore
	control marconi.ControlStore
	log     bytes.Buffer

	mu  sync.Mutex // guards now
	now time.Time
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{now: time.Unix(1_400_000_000, 0)}
	opened := openMemory(t, storage.Options{Now: r.clock})
	r.data, r.control = opened.Data, opened.Control
	c := Config{Control: r.control, Data: r.data, Logger: slog.New(slog.NewTextHandler(&r.log, nil))}
	for _, f := range change {
		f(&c)
	}
	r.Broker = New(c)
	t.Cleanup(func() { r.Close() })
	return r
}

func openMemory(t *testing.T, o storage.Options) storage.Opened {
	t.Helper()
	opened, err := memory.Open(t.Context(), "memory://", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(opened.Data.Close(), opened.Control.Close()) })
	return opened
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

var jobs = marconi.QueueKey{Project: "p", Name: "jobs"}

func (r *rig) post(t *testing.T, key marconi.QueueKey, n int) []marconi.MessageID {
	t.Helper()
	messages := make([]Message, n)
	for i := range messages {
		messages[i].Body = []byte(`{"n": 1}`)
	}
	ids, err := r.PostMessages(t.Context(), Post{Queue: key, Client: "c", Messages: messages, CreateQueue: true})
	if err != nil {
		t.Fatalf("post %d messages: %v", n, err)
	}
	return ids
}

func (r *rig) claim(t *testing.T, limit int) marconi.Claim {
	t.Helper()
	c, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs, TTL: Some[marconi.Seconds](60), Limit: Some(limit)})
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return c
}

// hasCode reports whether err is an error of that code.
func hasCode(err error, code string) bool { return errors.Is(err, &marconi.Error{Code: code}) }

func TestRanges(t *testing.T) {
	r := newRig(t)
	some := func(n marconi.Seconds) Optional[marconi.Seconds] { return Some(n) }
	post := func(m ...Message) error {
		_, err := r.PostMessages(t.Context(), Post{Queue: jobs, Messages: m, CreateQueue: true})
		return err
	}
	claim := func(c Claim) error {
		c.Queue = jobs
		_, err := r.ClaimMessages(t.Context(), c)
		return err
	}
	list := func(limit int) error {
		_, err := r.ListMessages(t.Context(), Listing{Queue: jobs, Limit: Some(limit)})
		return err
	}
	queues := func(limit int) error {
		_, err := r.ListQueues(t.Context(), "p", QueueListing{Limit: Some(limit)})
		return err
	}
	pop := func(n int) error {
		_, err := r.PopMessages(t.Context(), Pop{Queue: jobs, Limit: n})
		return err
	}
	get := func(n int) error {
		_, err := r.Messages(t.Context(), jobs, make([]marconi.MessageID, n))
		return err
	}
	body := []byte("1")
	for _, row := range []struct {
		name, code string // "": allowed
		err        error
	}{
		{"no messages", "no-messages", post()},
		{"ttl below the least", "ttl-range", post(Message{Body: body, TTL: some(59)})},
		{"ttl above the most", "ttl-range", post(Message{Body: body, TTL: some(1209601)})},
		{"one bad of two", "ttl-range", post(Message{Body: body}, Message{Body: body, TTL: some(-1)})},
		{"least and most ttl", "", post(Message{Body: body, TTL: some(60)}, Message{Body: body, TTL: some(1209600)})},
		{"delay below 0", "delay-range", post(Message{Body: body, Delay: some(-1)})},
		{"delay above the most", "delay-range", post(Message{Body: body, Delay: some(901)})},
		{"claim ttl below the least", "ttl-range", claim(Claim{TTL: some(59)})},
		{"claim ttl above the most", "ttl-range", claim(Claim{TTL: some(43201)})},
		{"grace below the least", "grace-range", claim(Claim{Grace: some(59)})},
		{"grace above the most", "grace-range", claim(Claim{Grace: some(43201)})},
		{"limit goes before grace", "limit-range", claim(Claim{Grace: some(0), Limit: Some(0)})},
		{"claim of 21", "limit-range", claim(Claim{Limit: Some(21)})},
		{"claim of 20", "", claim(Claim{Limit: Some(20)})},
		{"page of 0", "limit-range", list(0)},
		{"page of 21", "limit-range", list(21)},
		{"page of 20", "", list(20)},
		{"page of 0 queues", "limit-range", queues(0)},
		{"page of 21 queues", "limit-range", queues(21)},
		{"pop of 0", "pop-range", pop(0)},
		{"pop of 21", "pop-range", pop(21)},
		{"no ids", "ids-range", get(0)},
		{"21 ids", "ids-range", get(21)},
		{"20 ids", "", get(20)},
		{"21 ids to delete", "ids-range", r.DeleteMessages(t.Context(), jobs, make([]marconi.MessageID, 21))},
		{"update ttl", "ttl-range", r.UpdateClaim(t.Context(), jobs, "x", ClaimUpdate{TTL: some(59)})},
		{"update grace is free", "claim-gone", r.UpdateClaim(t.Context(), jobs, "x", ClaimUpdate{Grace: some(-5)})},
	} {
		if row.code == "" && row.err != nil || row.code != "" && !hasCode(row.err, row.code) {
			t.Errorf("%s: %v, want %q", row.name, row.err, row.code)
		}
	}
}

func TestAdmitIsAskedFirst(t *testing.T) {
	refusal := &marconi.Error{Kind: marconi.Forbidden, Code: "no", Text: "not you"}
	var asked []marconi.Operation
	r := newRig(t, func(c *Config) {
		c.Admit = func(ctx context.Context, caller marconi.Caller, op marconi.Operation) error {
			if caller.Project != "p" {
				t.Errorf("%s: the caller's project is %q", op, caller.Project)
			}
			asked = append(asked, op)
			return refusal
		}
	})
	ctx := marconi.WithCaller(t.Context(), marconi.Caller{Project: "p"})
	operations := map[marconi.Operation]func() error{
		marconi.OpPing:           func() error { return r.Ping(ctx) },
		marconi.OpHealth:         func() error { _, err := r.Health(ctx); return err },
		marconi.OpCreateQueue:    func() error { _, err := r.CreateQueue(ctx, jobs, nil); return err },
		marconi.OpGetQueue:       func() error { _, err := r.Queue(ctx, jobs); return err },
		marconi.OpUpdateQueue:    func() error { return r.SetMetadata(ctx, jobs, marconi.Metadata("{}")) },
		marconi.OpDeleteQueue:    func() error { return r.DeleteQueue(ctx, jobs) },
		marconi.OpListQueues:     func() error { _, err := r.ListQueues(ctx, "p", QueueListing{}); return err },
		marconi.OpQueueStats:     func() error { _, err := r.Stats(ctx, jobs); return err },
		marconi.OpPostMessages:   func() error { _, err := r.PostMessages(ctx, Post{Queue: jobs}); return err },
		marconi.OpListMessages:   func() error { _, err := r.ListMessages(ctx, Listing{Queue: jobs}); return err },
		marconi.OpGetMessage:     func() error { _, err := r.Message(ctx, jobs, "m"); return err },
		marconi.OpDeleteMessage:  func() error { return r.DeleteMessage(ctx, jobs, "m", "") },
		marconi.OpDeleteMessages: func() error { return r.DeleteMessages(ctx, jobs, nil) },
		marconi.OpCreateClaim:    func() error { _, err := r.ClaimMessages(ctx, Claim{Queue: jobs}); return err },
		marconi.OpGetClaim:       func() error { _, err := r.Claim(ctx, jobs, "c"); return err },
		marconi.OpUpdateClaim:    func() error { return r.UpdateClaim(ctx, jobs, "c", ClaimUpdate{}) },
		marconi.OpDeleteClaim:    func() error { return r.ReleaseClaim(ctx, jobs, "c") },
	}
	for op, do := range operations {
		asked = nil
		if err := do(); !errors.Is(err, refusal) {
			t.Errorf("%s: %v, want the refusal", op, err)
		}
		if len(asked) != 1 || asked[0] != op {
			t.Errorf("%s: asked for %v", op, asked)
		}
	}
}

// brokenStore is a store that fails with an error that has no name, and a password in its words.
type brokenStore struct {
	marconi.DataStore
	err error
}

func (s brokenStore) Post(context.Context, marconi.QueueRef, marconi.Post) ([]marconi.MessageID, error) {
	return nil, s.err
}

func TestTroubleOfAStoreIsLoggedOnceAndHidden(t *testing.T) {
	trouble := errors.New("dial tcp 10.0.0.7: connection refused")
	r := newRig(t, func(c *Config) { c.Data = brokenStore{c.Data, trouble} })
	ctx := marconi.WithCaller(t.Context(), marconi.Caller{Project: "p", RequestID: "req-7"})
	_, err := r.PostMessages(ctx, Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}, CreateQueue: true})
	if !errors.Is(err, marconi.ErrUnavailable) || strings.Contains(err.Error(), "10.0.0.7") {
		t.Errorf("post to a broken store: %v, want ErrUnavailable without the store's words", err)
	}
	log := r.log.String()
	if strings.Count(log, "connection refused") != 1 || !strings.Contains(log, "request_id=req-7") || !strings.Contains(log, "queue=jobs") {
		t.Errorf("the log says\n%s", log)
	}
}

func TestACallerThatWentAwayIsNoTrouble(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Data = brokenStore{c.Data, context.Canceled} })
	_, err := r.PostMessages(t.Context(), Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}, CreateQueue: true})
	if !errors.Is(err, marconi.ErrUnavailable) || r.log.Len() > 0 {
		t.Errorf("err = %v, log = %q", err, r.log.String())
	}
}

func TestSealedNeverReachesAClient(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Data = brokenStore{c.Data, marconi.ErrSealed} })
	_, err := r.PostMessages(t.Context(), Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}, CreateQueue: true})
	if !errors.Is(err, marconi.ErrUnavailable) || errors.Is(err, marconi.ErrSealed) {
		t.Errorf("post to a sealed queue: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Timeout = 10 * time.Millisecond
		c.Data = slowStore{c.Data}
	})
	_, err := r.PostMessages(t.Context(), Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}, CreateQueue: true})
	if !errors.Is(err, marconi.ErrUnavailable) || !strings.Contains(r.log.String(), "deadline exceeded") {
		t.Errorf("err = %v, log = %q", err, r.log.String())
	}
}

type slowStore struct{ marconi.DataStore }

func (slowStore) Post(ctx context.Context, _ marconi.QueueRef, _ marconi.Post) ([]marconi.MessageID, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestChecksums(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Checksums = true })
	ids, err := r.PostMessages(t.Context(), Post{Queue: jobs, CreateQueue: true, Messages: []Message{
		{Body: []byte(`{"a":1}`)}, {Body: []byte(`null`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := r.Messages(t.Context(), jobs, ids)
	if err != nil || len(messages) != 2 {
		t.Fatalf("messages: %v, %v", messages, err)
	}
	// md5 of {"a": 1}, as Python writes it.
	if got, want := messages[0].Checksum, "MD5:42b7b4f2921788ea14dac5566e6f06d0"; got != want {
		t.Errorf("checksum = %q, want %q", got, want)
	}
	if messages[1].Checksum != "" {
		t.Errorf("null has the checksum %q", messages[1].Checksum)
	}
}
