package config

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi"
)

func TestLimits(t *testing.T) {
	c, _, errs := loadText(t, `[transport]
max_queues_per_page = 1
max_messages_per_page = 2
max_messages_per_claim_or_pop = 3
max_queue_metadata = 4
max_messages_post_size = 5
max_message_ttl = 1000
max_message_delay = 7
max_claim_ttl = 108
max_claim_grace = 109
default_message_ttl = 110
default_message_delay = 6
default_claim_grace = 100
client_id_uuid_safe = off
min_length_client_id = 1
max_length_client_id = 14
`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := marconi.Limits{
		MaxQueuesPerPage: 1, MaxMessagesPerPage: 2, MaxMessagesPerClaim: 3, MaxQueueMetadata: 4, MaxMessagesPostSize: 5,
		MaxMessageTTL: 1000, MaxMessageDelay: 7, MaxClaimTTL: 108, MaxClaimGrace: 109,
		DefaultMessageTTL: 110, DefaultMessageDelay: 6,
		DefaultClaimTTL:   108, // lowered from 300, to the maximum
		DefaultClaimGrace: 100,
		ClientIDs:         marconi.ClientIDs{AnyText: true, MinLength: 1, MaxLength: 14},
	}
	if diff := cmp.Diff(want, c.Limits()); diff != "" {
		t.Errorf("Limits() (-want +got):\n%s", diff)
	}
	if c.Transport.DefaultClaimTTL != 300 {
		t.Errorf("Limits() changes the configuration: default_claim_ttl = %d", c.Transport.DefaultClaimTTL)
	}
}

func TestEnabledVersions(t *testing.T) {
	tests := []struct {
		content string
		want    []string
	}{
		{"", []string{"1", "1.1"}},
		{"enable_deprecated_api_versions =\n", []string{}},
		{"enable_deprecated_api_versions = 1.1\n", []string{"1.1"}},
		{"enable_deprecated_api_versions = 1.1, 1,1\n", []string{"1", "1.1"}},
	}
	for _, tt := range tests {
		c, _, errs := loadText(t, "[DEFAULT]\n"+tt.content)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if diff := cmp.Diff(tt.want, c.EnabledVersions()); diff != "" {
			t.Errorf("%q: EnabledVersions() (-want +got):\n%s", tt.content, diff)
		}
	}
	_, _, errs := loadText(t, "[DEFAULT]\nenable_deprecated_api_versions = 1,2\n")
	sameTexts(t, "2", errs, []string{`zaqar.conf:2: [DEFAULT] enable_deprecated_api_versions: "1,2" is not a list with commas, of 1, 1.1`})
}

func TestAddress(t *testing.T) {
	tests := []struct{ content, want string }{
		{"", "127.0.0.1:8888"},
		{"[drivers:transport:wsgi]\nbind = ::\nport = 80\n", "[::]:80"},
		{"[drivers:transport:wsgi]\nport = 80\n[marconi]\nlisten = :0\n", ":0"},
	}
	for _, tt := range tests {
		c, _, errs := loadText(t, tt.content)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := c.Address(); got != tt.want {
			t.Errorf("%q: Address() = %q, want %q", tt.content, got, tt.want)
		}
	}
}

func TestLogging(t *testing.T) {
	tests := []struct {
		content string
		level   slog.Level
		json    bool
		file    string
	}{
		{"", slog.LevelInfo, false, ""},
		{"[DEFAULT]\ndebug = 1\nuse_json = 1\nlog_file = x\n", slog.LevelDebug, true, "x"},
		{"[DEFAULT]\nlog_dir = /d\n", slog.LevelInfo, false, "/d/marconi-server.log"},
		{"[DEFAULT]\nlog_dir = /d\nlog_file = x\n", slog.LevelInfo, false, "/d/x"},
		{"[DEFAULT]\nlog_dir = /d\nlog_file = /y/x\n", slog.LevelInfo, false, "/y/x"},
		{"[DEFAULT]\ndebug = 1\nuse_json = 1\n[marconi]\nlog_level = error\nlog_format = text\n", slog.LevelError, false, ""},
		{"[marconi]\nlog_level = warning\nlog_format = json\n", slog.LevelWarn, true, ""},
	}
	for _, tt := range tests {
		c, _, errs := loadText(t, tt.content)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if c.LogLevel() != tt.level || c.LogJSON() != tt.json || c.LogFile() != tt.file {
			t.Errorf("%q: level %v, JSON %v, file %q; want %v, %v, %q", tt.content, c.LogLevel(), c.LogJSON(), c.LogFile(), tt.level, tt.json, tt.file)
		}
	}
}
