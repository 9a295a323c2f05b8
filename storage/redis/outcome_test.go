package redis

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/redis/rueidis"
)

func TestWhatIsKnownOfAScript(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	dial := errors.New("connection refused")
	tests := []struct {
		name string
		ctx  context.Context
		err  error // in place of a reply
		want outcome
	}{
		{"no connection", t.Context(), &connectError{"h:1", false, dial}, unsent},
		{"left alone", t.Context(), &connectError{"h:1", true, dial}, resting},
		{"hung up", t.Context(), io.EOF, unknown},
		{"nobody holds the slot", t.Context(), rueidis.ErrNoSlot, unsent},
		{"another's deadline while connecting", t.Context(), context.DeadlineExceeded, unsent},
		{"its own deadline", ended, context.DeadlineExceeded, unknown},
		{"the library closed the connection", t.Context(), rueidis.ErrClosing, unknown},
		{"not safe", t.Context(), errNotSafe, unknown},
	}
	for _, test := range tests {
		if got := judge(test.ctx, rueidis.NewErrorResult(test.err)); got != test.want {
			t.Errorf("%s: judge = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestHasCode(t *testing.T) {
	const in6 = "Error running script (call to f_61): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica."
	tests := []struct {
		text string
		code string
		want bool
	}{
		{"READONLY You can't write against a read only replica. script: 61, on @user_script:1.", "READONLY", true},
		{in6, "READONLY", true},
		{"ERR " + in6, "READONLY", true},
		{in6, "READ", false},
		{"READONLYX", "READONLY", false},
		{"SEALED", "ASK", false},
		{"ERR something: -READONLY is not it", "READONLY", false},
		{"OOM command not allowed when used memory > 'maxmemory'.", "OOM", true},
		{"", "OOM", false},
	}
	for _, test := range tests {
		if got := hasCode(test.text, []string{test.code}); got != test.want {
			t.Errorf("hasCode(%q, %s) = %v, want %v", test.text, test.code, got, test.want)
		}
	}
}
