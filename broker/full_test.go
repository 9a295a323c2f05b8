package broker

import (
	"errors"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// A full store tells producers so, and lets consumers empty it: also where dead letters would need a queue to be made.
func TestAFullStore(t *testing.T) {
	opened, err := memory.Open(t.Context(), "memory://?max_bytes=10000", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(opened.Data.Close(), opened.Control.Close()) }()
	r := deadLetterRig(t, twoClaims, func(c *Config) { c.Control, c.Data = opened.Control, opened.Data })
	one := Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}}
	posted := 0
	for err == nil {
		if _, err = r.PostMessages(t.Context(), one); err == nil {
			posted++
		}
	}
	if posted == 0 || !errors.Is(err, marconi.ErrFull) {
		t.Fatalf("after %d messages: %v, want %v", posted, err, marconi.ErrFull)
	}
	// A queue's record takes more than a message.
	if _, err := r.CreateQueue(t.Context(), graveyard, marconi.Metadata(`{"long": "`+strings.Repeat("x", 500)+`"}`)); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("create a queue: %v, want %v", err, marconi.ErrFull)
	}
	for taken := 0; taken < posted; {
		claim, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs})
		if err != nil || len(claim.Messages) == 0 {
			t.Fatalf("claim after %d of %d messages: %d, %v", taken, posted, len(claim.Messages), err)
		}
		for _, m := range claim.Messages {
			if err := r.DeleteMessage(t.Context(), jobs, m.ID, claim.ID); err != nil {
				t.Fatal(err)
			}
		}
		taken += len(claim.Messages)
	}
	if _, err := r.PostMessages(t.Context(), one); err != nil {
		t.Errorf("post to the emptied store: %v", err)
	}
	if r.log.Len() > 0 {
		t.Errorf("the log has a line for what is no trouble of the store: %s", r.log.String())
	}
}
