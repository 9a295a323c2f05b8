package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

var graveyard = marconi.QueueKey{Project: "p", Name: "graveyard"}

// withoutMover is a store that can't move in one step.
type withoutMover struct{ marconi.DataStore }

func deadLetterRig(t *testing.T, metadata string, change ...func(*Config)) *rig {
	t.Helper()
	r := newRig(t, change...)
	if _, err := r.CreateQueue(t.Context(), jobs, marconi.Metadata(metadata)); err != nil {
		t.Fatal(err)
	}
	return r
}

// tire claims all messages of jobs and lets the claims end, times times.
func (r *rig) tire(t *testing.T, times int) {
	t.Helper()
	for range times {
		for len(r.claim(t, 20).Messages) > 0 {
		}
		r.advance(61 * time.Second)
	}
}

func (r *rig) list(t *testing.T, key marconi.QueueKey) []marconi.Message {
	t.Helper()
	var all []marconi.Message
	l := Listing{Queue: key, Echo: true, IncludeClaimed: true, Limit: Some(20)}
	for {
		page, err := r.ListMessages(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return all
		}
		all, l.Marker = append(all, page.Items...), page.Next
	}
}

const twoClaims = `{"_max_claim_count": 2, "_dead_letter_queue": "graveyard", "_dead_letter_queue_messages_ttl": 9999}`

func TestDeadLetters(t *testing.T) {
	stores := map[string]func(*Config){
		"moved in one step":       func(*Config) {},
		"posted and then deleted": func(c *Config) { c.Data = withoutMover{c.Data} },
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			r := deadLetterRig(t, twoClaims, store)
			r.post(t, jobs, 1)
			r.tire(t, 2)
			if c := r.claim(t, 1); len(c.Messages) > 0 {
				t.Errorf("the third claim gets %d messages", len(c.Messages))
			}
			if left := r.list(t, jobs); len(left) > 0 {
				t.Errorf("%d messages are left", len(left))
			}
			dead := r.list(t, graveyard)
			if len(dead) != 1 || string(dead[0].Body) != `{"n": 1}` || dead[0].TTL != 9999 || dead[0].Client != "c" || dead[0].Claim != "" || dead[0].ClaimCount != 0 {
				t.Errorf("dead letters: %+v", dead)
			}
		})
	}
}

func TestSpentMessagesHideNothingBehindThem(t *testing.T) {
	r := deadLetterRig(t, twoClaims)
	r.post(t, jobs, 2*marconi.MaxSpent+5)
	r.tire(t, 2)
	fresh := r.post(t, jobs, 3)
	got := r.claim(t, 10).Messages
	if len(got) != 3 || got[0].ID != fresh[0] {
		t.Errorf("claimed %d messages behind spent ones, want the 3 fresh ones", len(got))
	}
	for len(r.claim(t, 1).Messages) > 0 {
	}
	if dead := r.list(t, graveyard); len(dead) != 2*marconi.MaxSpent+5 {
		t.Errorf("%d dead letters, want %d", len(dead), 2*marconi.MaxSpent+5)
	}
}

func TestDeadLettersThatCouldNotBeMovedComeAgain(t *testing.T) {
	broken := &brokenMove{}
	r := deadLetterRig(t, twoClaims, func(c *Config) {
		broken.DataStore = c.Data
		c.Data = broken
	})
	r.post(t, jobs, 1)
	r.tire(t, 2)
	broken.fails = true
	if _, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs}); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("a claim whose dead letters can't be moved: %v", err)
	}
	broken.fails = false
	r.advance(marconi.SpentLease)
	r.claim(t, 1)
	if dead := r.list(t, graveyard); len(dead) != 1 || len(r.list(t, jobs)) != 0 {
		t.Errorf("%d dead letters after the store's recovery, want 1", len(dead))
	}
}

// Dead letters cost as many trips to the store as they have producers, and one, whatever their number; and what could not be
// posted stays while the others go.
func TestDeadLettersTravelTogether(t *testing.T) {
	trips := &trips{refused: "c1", refusal: errors.New("disk full")}
	r := deadLetterRig(t, twoClaims, func(c *Config) {
		trips.DataStore = c.Data
		c.Data = trips
	})
	for n := range marconi.MaxSpent {
		message := Message{Body: fmt.Appendf(nil, "%d", n)}
		p := Post{Queue: jobs, Client: marconi.ClientID(fmt.Sprintf("c%d", n%3)), Messages: []Message{message}}
		if _, err := r.PostMessages(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	r.tire(t, 2)
	trips.posts.Store(0)
	if _, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs}); err == nil {
		t.Error("the store refused a dead letter, and the claim does not tell")
	}
	if posts, deletes := trips.posts.Load(), trips.deletes.Load(); posts != 3 || deletes != 1 {
		t.Errorf("%d posts and %d deletes for the dead letters of three producers, want 3 and 1", posts, deletes)
	}
	left, last := r.list(t, jobs), map[marconi.ClientID]int{}
	if dead := r.list(t, graveyard); len(dead)+len(left) != marconi.MaxSpent {
		t.Errorf("%d dead letters and %d left, of %d", len(dead), len(left), marconi.MaxSpent)
	} else {
		for _, m := range dead {
			n, _ := strconv.Atoi(string(m.Body))
			if before, any := last[m.Client]; any && before > n {
				t.Errorf("%d comes behind %d of the same producer", n, before)
			}
			last[m.Client] = n
		}
	}
	for _, m := range left {
		if m.Client != "c1" {
			t.Errorf("%s of %s is left, whose post went through", m.Body, m.Client)
		}
	}
}

// trips counts posts and deletes, and refuses the posts of one producer to the dead-letter queue; stuck, it deletes nothing.
type trips struct {
	marconi.DataStore
	refused        marconi.ClientID
	refusal        error
	stuck          bool
	posts, deletes atomic.Int64
}

func (s *trips) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	s.posts.Add(1)
	if q.QueueKey == graveyard && p.Client == s.refused {
		return nil, s.refusal
	}
	return s.DataStore.Post(ctx, q, p)
}

func (s *trips) Delete(context.Context, marconi.QueueRef, marconi.MessageID, marconi.ClaimID) error {
	return errors.New("singly")
}

func (s *trips) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	s.deletes.Add(1)
	if s.stuck {
		return marconi.ErrUnavailable
	}
	return s.DataStore.DeleteMessages(ctx, q, ids, claims)
}

// Dead letters that can't be moved hold up nobody who claims what stands behind them.
func TestDeadLettersThatCanNotBeMovedHideNothing(t *testing.T) {
	broken := &brokenMove{}
	r := deadLetterRig(t, twoClaims, func(c *Config) {
		broken.DataStore = c.Data
		c.Data = broken
	})
	r.post(t, jobs, marconi.MaxSpent+5)
	r.tire(t, 2)
	fresh := r.post(t, jobs, 1)
	broken.fails = true
	c, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs})
	if err != nil || len(c.Messages) != 1 || c.Messages[0].ID != fresh[0] {
		t.Errorf("claimed %d messages, %v; want the one behind the dead letters", len(c.Messages), err)
	}
	if !strings.Contains(r.log.String(), "move dead letters") {
		t.Error("the log does not say that they could not be moved")
	}
}

// That there is no room for some dead letters does not hide that others were posted and could not be deleted: those come twice.
func TestTroubleBesideAFullStoreIsTold(t *testing.T) {
	store := &trips{refused: "c1", refusal: marconi.ErrFull}
	r := deadLetterRig(t, twoClaims, func(c *Config) {
		store.DataStore = c.Data
		c.Data = store
	})
	for n := range 2 {
		p := Post{Queue: jobs, Client: marconi.ClientID(fmt.Sprintf("c%d", n)), Messages: []Message{{Body: []byte("1")}}}
		if _, err := r.PostMessages(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	r.tire(t, 2)
	store.stuck = true
	if _, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs}); !errors.Is(err, marconi.ErrUnavailable) || errors.Is(err, marconi.ErrFull) {
		t.Errorf("a claim whose dead letters could not be deleted: %v", err)
	}
}

// brokenMove is a store that can't move, and sometimes can't post.
type brokenMove struct {
	marconi.DataStore
	fails bool
}

func (s *brokenMove) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if s.fails {
		return nil, errors.New("disk full")
	}
	return s.DataStore.Post(ctx, q, p)
}

func TestDeadLetterRulesThatAreOff(t *testing.T) {
	for _, metadata := range []string{
		`{}`,
		`{"_max_claim_count": 2}`,
		`{"_dead_letter_queue": "graveyard"}`,
		`{"_max_claim_count": 0, "_dead_letter_queue": "graveyard"}`,
		`{"_max_claim_count": -3, "_dead_letter_queue": "graveyard"}`,
		`{"_max_claim_count": null, "_dead_letter_queue": "graveyard"}`,
		`{"_max_claim_count": 2, "_dead_letter_queue": null}`,
	} {
		r := deadLetterRig(t, metadata)
		r.post(t, jobs, 1)
		r.tire(t, 3)
		if got := r.claim(t, 1).Messages; len(got) != 1 || got[0].ClaimCount != 4 {
			t.Errorf("%s: the fourth claim gets %+v", metadata, got)
		}
	}
}

// Metadata that another server let in: rules that would be refused are off, and claims go on.
func TestDeadLetterRulesOfOtherServers(t *testing.T) {
	for _, metadata := range []string{
		`{"_max_claim_count": "2", "_dead_letter_queue": "graveyard"}`,
		`{"_max_claim_count": 2, "_dead_letter_queue": "not a name"}`,
		`{"_max_claim_count": 2, "_dead_letter_queue": "jobs"}`,
		`[]`,
	} {
		q := marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: jobs}, Metadata: marconi.Metadata(metadata)}
		if rules := deadLetterRulesOf(q); rules != (deadLetterRules{}) {
			t.Errorf("rules of %s: %+v", metadata, rules)
		}
	}
}

func TestAttributes(t *testing.T) {
	for _, row := range []struct {
		metadata string
		allowed  bool
	}{
		{`{}`, true},
		{`{"_ttl": "anything", "owner": [1]}`, true},
		{`{"_default_message_ttl": 60}`, true},
		{`{"_default_message_ttl": 59}`, false},
		{`{"_default_message_ttl": 1209601}`, false},
		{`{"_default_message_ttl": 60.0}`, false},
		{`{"_default_message_ttl": "60"}`, false},
		{`{"_default_message_ttl": ""}`, false},
		{`{"_default_message_ttl": []}`, false},
		{`{"_default_message_ttl": true}`, false},
		{`{"_default_message_ttl": null}`, true},
		{`{"_default_message_ttl": 1, "_default_message_ttl": 60}`, true},
		{`{"_max_messages_post_size": 262144}`, true},
		{`{"_max_messages_post_size": 262145}`, false},
		{`{"_max_messages_post_size": 0}`, false},
		{`{"_max_claim_count": 0}`, true},
		{`{"_max_claim_count": 1.5}`, false},
		{`{"_dead_letter_queue": "other"}`, true},
		{`{"_dead_letter_queue": "jobs"}`, false},
		{`{"_dead_letter_queue": "no name"}`, false},
		{`{"_dead_letter_queue": 7}`, false},
		{`{"_dead_letter_queue_messages_ttl": 59}`, false},
		{`{"_default_message_delay": 0}`, true},
		{`{"_default_message_delay": 900}`, true},
		{`{"_default_message_delay": 901}`, false},
		{`{"_enable_encrypt_messages": true}`, true},
		{`{"_enable_encrypt_messages": 1}`, false},
		{`{"_retry_policy": {}}`, true},
		{`{"_retry_policy": 5}`, false},
		{`{"_retry_policy": {"retry_backoff_function": "geometric"}}`, true},
		{`{"_retry_policy": {"retry_backoff_function": "cubic"}}`, false},
		{`{"_retry_policy": {"ignore_subscription_override": "yes"}}`, false},
		{`{"_retry_policy": {"minimum_delay": 20}}`, true},
		{`{"_retry_policy": {"minimum_delay": 21}}`, false},
		{`{"_retry_policy": {"minimum_delay": 21, "maximum_delay": 31}}`, true},
		{`{"_retry_policy": {"retries_with_no_delay": 1.5}}`, false},
		{`null`, false},
		{`[]`, false},
	} {
		err := checkAttributes("jobs", marconi.Metadata(row.metadata), marconi.DefaultLimits())
		if (err == nil) != row.allowed {
			t.Errorf("%s: %v, want allowed %v", row.metadata, err, row.allowed)
		}
		if err != nil && marconi.KindOf(err) != marconi.Invalid {
			t.Errorf("%s: %v is %v", row.metadata, err, marconi.KindOf(err))
		}
	}
}

func FuzzAttributes(f *testing.F) {
	f.Add([]byte(twoClaims))
	f.Add([]byte(`{"_retry_policy": {"minimum_delay": 9223372036854775807}}`))
	f.Fuzz(func(t *testing.T, metadata []byte) {
		err := checkAttributes("jobs", metadata, marconi.DefaultLimits())
		if err != nil && marconi.KindOf(err) != marconi.Invalid {
			t.Errorf("%q: %v", metadata, err)
		}
		rules := deadLetterRulesOf(marconi.Queue{Metadata: metadata})
		if rules.maxClaims < 0 || rules.ttl < 0 || rules.maxClaims > 0 && strings.ContainsAny(string(rules.queue), " /") {
			t.Errorf("%q: %+v", metadata, rules)
		}
	})
}

// New metadata counts at once, also for what the broker remembers of the queue.
func TestDeadLetterRulesThatAreTakenAway(t *testing.T) {
	r := deadLetterRig(t, twoClaims)
	r.post(t, jobs, 1)
	r.tire(t, 2)
	if err := r.SetMetadata(t.Context(), jobs, marconi.Metadata(`{}`)); err != nil {
		t.Fatal(err)
	}
	if got := r.claim(t, 1).Messages; len(got) != 1 {
		t.Errorf("without the rules, the third claim gets %d messages", len(got))
	}
}
