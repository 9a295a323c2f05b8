package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi"
)

// Every field of a Config has an option.
func TestTableCoversConfig(t *testing.T) {
	fields, options := countFields(reflect.TypeFor[Config]()), len(newIndex(Default().groups()).options)
	const unused = 1 // partitions are the message store's: that field of the other plane has no option
	if fields != options+unused {
		t.Errorf("%d fields and %d options, want %d more fields", fields, options, unused)
	}
}

// countFields counts the exported fields that are no structs, deep down.
func countFields(typ reflect.Type) int {
	n := 0
	for i := range typ.NumField() {
		switch field := typ.Field(i); {
		case !field.IsExported():
		case field.Type.Kind() == reflect.Struct:
			n += countFields(field.Type)
		default:
			n++
		}
	}
	return n
}

// Setting one option changes that option alone: no two share a field.
func TestOptionsAreApart(t *testing.T) {
	samples := []string{"true", "7", "77", "5000", "0.5", "x:y", "sqlite:x", "[::1]:1", "10.0.0.1", "off", "json", "debug", "keystone", "RSA",
		"websocket", "redis", "CERT_NONE", "self_local", "1.1"}
	for k := range newIndex(Default().groups()).options {
		c := Default()
		x := newIndex(c.groups())
		v := x.options[k].value
		before := v.text()
		changed := false
		for _, sample := range samples {
			if v.set(sample) && v.text() != before {
				changed = true
				break
			}
		}
		if !changed {
			t.Errorf("%v takes none of the samples", k)
		}
		defaults := newIndex(Default().groups())
		for other, o := range x.options {
			if other != k && o.value.text() != defaults.options[other].value.text() {
				t.Errorf("setting %v changes %v", k, other)
			}
		}
	}
}

func TestTableIsSound(t *testing.T) {
	x := newIndex(Default().groups())
	for _, g := range x.groups {
		checkSentence(t, "["+g.name+"]", g.help)
		for _, o := range g.options {
			k := key{g.name, o.name}
			checkSentence(t, k.String(), o.help)
			if o.name != optionName(o.name) || g.name != groupName(g.name) {
				t.Errorf("%v is not spelled as names are compared", k)
			}
			for _, older := range o.older {
				if x.options[older] != nil {
					t.Errorf("%v is an older name of %v and an option too", older, k)
				}
				if ignored(older) {
					t.Errorf("%v is an older name of %v and ignored", older, k)
				}
			}
		}
	}
	if len(x.env) != len(x.names) {
		t.Errorf("%d names have %d environment variables", len(x.names), len(x.env))
	}
}

func checkSentence(t *testing.T, of, help string) {
	t.Helper()
	first := strings.TrimLeft(help, "[")
	if !strings.HasSuffix(help, ".") || first == "" || strings.Contains(help, "  ") ||
		strings.ToUpper(first[:1]) != first[:1] && !strings.HasPrefix(first, "sqlite") {
		t.Errorf("the help of %s is no sentence: %q", of, help)
	}
}

// A default is written as its option reads it, unless the option is better not set.
func TestDefaultsCanBeWritten(t *testing.T) {
	notSet := map[key]bool{
		{"marconi", "log_format"}: true, {"marconi", "log_level"}: true,
		{"drivers", "message_store"}: true, {"drivers", "management_store"}: true,
	}
	for k, o := range newIndex(Default().groups()).options {
		before := o.value.text()
		if ok := o.value.set(before); ok == notSet[k] {
			t.Errorf("%v: set(%q), its default, is %v", k, before, ok)
		}
		if after := o.value.text(); after != before {
			t.Errorf("%v: the default %q becomes %q", k, before, after)
		}
	}
}

func TestDefaultLimits(t *testing.T) {
	if diff := cmp.Diff(marconi.DefaultLimits(), Default().Limits()); diff != "" {
		t.Errorf("Default().Limits() (-domain +config):\n%s", diff)
	}
}

// The defaults that existing installations count on.
func TestDefaultsOfOld(t *testing.T) {
	tests := []struct{ group, name, want string }{
		{"DEFAULT", "admin_mode", "false"},
		{"DEFAULT", "pooling", "false"},
		{"DEFAULT", "unreliable", "false"},
		{"DEFAULT", "auth_strategy", ""},
		{"DEFAULT", "enable_deprecated_api_versions", ""},
		{"DEFAULT", "enable_checksum", "false"},
		{"drivers", "transport", "wsgi"},
		{"drivers:transport:wsgi", "bind", "127.0.0.1"},
		{"drivers:transport:wsgi", "port", "8888"},
		{"drivers:transport:websocket", "bind", "127.0.0.1"},
		{"drivers:transport:websocket", "port", "9000"},
		{"drivers:transport:websocket", "notification_port", "0"},
		{"transport", "default_message_ttl", "3600"},
		{"transport", "default_message_delay", "0"},
		{"transport", "default_claim_ttl", "300"},
		{"transport", "default_claim_grace", "60"},
		{"transport", "default_subscription_ttl", "3600"},
		{"transport", "max_queues_per_page", "20"},
		{"transport", "max_messages_per_page", "20"},
		{"transport", "max_subscriptions_per_page", "20"},
		{"transport", "max_flavors_per_page", "20"},
		{"transport", "max_pools_per_page", "20"},
		{"transport", "max_messages_per_claim_or_pop", "20"},
		{"transport", "max_queue_metadata", "65536"},
		{"transport", "max_messages_post_size", "262144"},
		{"transport", "max_message_ttl", "1209600"},
		{"transport", "max_message_delay", "900"},
		{"transport", "max_claim_ttl", "43200"},
		{"transport", "max_claim_grace", "43200"},
		{"transport", "subscriber_types", "http,https,mailto,trust+http,trust+https"},
		{"transport", "client_id_uuid_safe", "strict"},
		{"transport", "min_length_client_id", "10"},
		{"transport", "max_length_client_id", "36"},
		{"transport", "message_delete_with_claim_id", "false"},
		{"transport", "message_encryption_algorithms", "AES256"},
		{"drivers:message_store:mongodb", "database", "zaqar"},
		{"drivers:message_store:mongodb", "ssl_cert_reqs", "CERT_REQUIRED"},
		{"drivers:message_store:mongodb", "partitions", "2"},
		{"drivers:management_store:mongodb", "max_attempts", "1000"},
		{"drivers:management_store:mongodb", "max_retry_sleep", "0.1"},
		{"drivers:management_store:mongodb", "max_retry_jitter", "0.005"},
		{"drivers:management_store:mongodb", "max_reconnect_attempts", "10"},
		{"drivers:management_store:mongodb", "reconnect_sleep", "0.02"},
		{"drivers:message_store:redis", "uri", "redis://127.0.0.1:6379"},
		{"drivers:message_store:swift", "auth_url", "http://127.0.0.1:5000/v3/"},
		{"drivers:message_store:swift", "project_domain_name", "Default"},
		{"drivers:message_store:swift", "user_domain_name", "Default"},
		{"drivers:message_store:swift", "interface", "publicURL"},
		{"notification", "smtp_mode", "third_part"},
		{"notification", "smtp_command", "/usr/sbin/sendmail -t -oi"},
		{"notification", "max_notifier_workers", "10"},
		{"oslo_policy", "policy_file", "policy.yaml"},
	}
	c := Default()
	for _, tt := range tests {
		if got := textOf(c, tt.group, tt.name); got != tt.want {
			t.Errorf("[%s] %s = %q, want %q", tt.group, tt.name, got, tt.want)
		}
	}
}

func TestFlags(t *testing.T) {
	x := newIndex(Default().groups())
	seen := map[string]bool{}
	for _, f := range Flags() {
		if seen[f.Name] || f.Help == "" || strings.Contains(f.Name, "_") {
			t.Errorf("flag %+v is there twice, has no help or a bad name", f)
		}
		seen[f.Name] = true
		o := x.options[x.flag(f.Name)]
		if o == nil || o.help != f.Help || o.later {
			t.Errorf("flag --%s does not lead to its option", f.Name)
		}
	}
	for name, want := range map[string]bool{"listen": true, "store": true, "admin-mode": true, "log-file": true, "unreliable": false, "max-claim-ttl": false} {
		if seen[name] != want {
			t.Errorf("there is a flag --%s: %v, want %v", name, seen[name], want)
		}
	}
}
