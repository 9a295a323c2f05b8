package config

import (
	"path/filepath"
	"testing"
)

func TestOlderNames(t *testing.T) {
	tests := []struct{ content, group, option, want string }{
		{"[DEFAULT]\nsharding = on\n", "DEFAULT", "pooling", "true"},
		{"[DEFAULT]\nlogfile = f\n", "DEFAULT", "log_file", "f"},
		{"[DEFAULT]\nlogdir = d\n", "DEFAULT", "log_dir", "d"},
		{"[drivers]\nstorage = redis\n", "drivers", "message_store", "redis"},
		{"[transport]\nmax_messages_per_claim = 7\n", "transport", "max_messages_per_claim_or_pop", "7"},
		{"[transport]\nmax_message_size = 7\n", "transport", "max_messages_post_size", "7"},
		{"[limits:transport]\nqueue_paging_uplimit = 7\n", "transport", "max_queues_per_page", "7"},
		{"[limits:transport]\nmessage_paging_uplimit = 7\n", "transport", "max_messages_per_page", "7"},
		{"[limits:transport]\nsubscription_paging_uplimit = 7\n", "transport", "max_subscriptions_per_page", "7"},
		{"[limits:transport]\nmetadata_size_uplimit = 64\n", "transport", "max_queue_metadata", "64"},
		{"[limits:transport]\nmessage_size_uplimit = 256\n", "transport", "max_messages_post_size", "256"},
		{"[limits:transport]\nmessage_ttl_max = 77\n", "transport", "max_message_ttl", "77"},
		{"[limits:transport]\nclaim_ttl_max = 77\n", "transport", "max_claim_ttl", "77"},
		{"[limits:transport]\nclaim_grace_max = 77\n", "transport", "max_claim_grace", "77"},
		{"[drivers:storage:mongodb]\nuri = mongodb://h\n", "drivers:message_store:mongodb", "uri", "mongodb://h"},
		{"[drivers:storage:mongodb]\ndatabase = marconi\n", "drivers:management_store:mongodb", "database", "marconi"},
		{"[drivers:storage:mongodb]\npartitions = 4\n", "drivers:message_store:mongodb", "partitions", "4"},
		{"[drivers:storage:redis]\nreconnect_sleep = 0.5\n", "drivers:message_store:redis", "reconnect_sleep", "0.5"},
		{"[drivers:storage:sqlalchemy]\nuri = sqlite:/x\n", "drivers:management_store:sqlalchemy", "uri", "sqlite:/x"},
		{"[drivers:storage:sqlite]\nuri = sqlite:/x\n", "drivers:message_store:sqlalchemy", "uri", "sqlite:/x"},

		// In one file the newest name counts, wherever it stands.
		{"[transport]\nmax_messages_post_size = 1\nmax_message_size = 2\n[limits:transport]\nmessage_size_uplimit = 3\n", "transport", "max_messages_post_size", "1"},
		{"[limits:transport]\nmessage_size_uplimit = 3\n[transport]\nmax_message_size = 2\n", "transport", "max_messages_post_size", "2"},
		{"[drivers:storage:redis]\nuri = redis://old\n[drivers:message_store:redis]\nuri = redis://new\n", "drivers:message_store:redis", "uri", "redis://new"},
		{"[drivers:storage:redis]\nuri = redis://old\n[drivers:message_store:redis]\nuri = redis://new\n", "drivers:management_store:redis", "uri", "redis://old"},
	}
	for _, tt := range tests {
		c, warnings, errs := loadText(t, tt.content)
		if len(errs) > 0 {
			t.Errorf("%q: %v", tt.content, errs)
			continue
		}
		if len(warnings) == 0 {
			t.Errorf("%q: no warning of the older name", tt.content)
		}
		if got := textOf(c, tt.group, tt.option); got != tt.want {
			t.Errorf("%q: [%s] %s = %q, want %q", tt.content, tt.group, tt.option, got, tt.want)
		}
	}
}

// A later file beats an earlier one under whatever name, as with oslo.config.
func TestOlderNameInALaterFile(t *testing.T) {
	files := []string{file(t, "a.conf", "[transport]\nmax_claim_ttl = 100\n"), file(t, "b.conf", "[limits:transport]\nclaim_ttl_max = 200\n")}
	if c := mustLoad(t, Sources{Files: files}); c.Transport.MaxClaimTTL != 200 {
		t.Errorf("max_claim_ttl = %d, want 200", c.Transport.MaxClaimTTL)
	}
	if c := mustLoad(t, Sources{Files: []string{files[1], files[0]}}); c.Transport.MaxClaimTTL != 100 {
		t.Errorf("max_claim_ttl = %d, want 100", c.Transport.MaxClaimTTL)
	}
}

func TestNameWarnings(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"an older name", "[transport]\nmax_message_size = 9\n",
			[]string{"zaqar.conf:2: [transport] max_message_size is an older name of [transport] max_messages_post_size"}},
		{"an older name of two", "[drivers:storage:redis]\nuri = redis://h\n", []string{
			"zaqar.conf:2: [drivers:storage:redis] uri is an older name of [drivers:message_store:redis] uri and [drivers:management_store:redis] uri"}},
		{"a letter wrong", "[transport]\nmax_mesages_per_page = 9\n",
			[]string{"zaqar.conf:2: there is no option [transport] max_mesages_per_page; did you mean [transport] max_messages_per_page?"}},
		{"letters swapped", "[drivers:transport:wsgi]\nbnid = ::1\n",
			[]string{"zaqar.conf:2: there is no option [drivers:transport:wsgi] bnid; did you mean [drivers:transport:wsgi] bind?"}},
		{"near an older name", "[limits:transport]\nclaim_ttl_maxx = 99\n",
			[]string{"zaqar.conf:2: there is no option [limits:transport] claim_ttl_maxx; did you mean [transport] max_claim_ttl?"}},
		{"a name of another group", "[DEFAULT]\nmax_claim_grace = 99\n",
			[]string{"zaqar.conf:2: there is no option [DEFAULT] max_claim_grace; did you mean [transport] max_claim_grace?"}},
		{"nothing like it", "[transport]\nfrobnicate = 1\n", []string{"zaqar.conf:2: there is no option [transport] frobnicate"}},
		{"an option twice", "[transport]\nfrobnicate = 1\nfrobnicate = 2\n", []string{"zaqar.conf:2: there is no option [transport] frobnicate"}},
		{"a group", "[transprot]\na = 1\nb = 2\n[x]\nc = 3\n",
			[]string{"zaqar.conf:2: there is no group [transprot]; did you mean [transport]?", "zaqar.conf:5: there is no group [x]"}},
		{"a group of an older name", "[drivers:storage:sqlite]\ndatabase = x\n",
			[]string{"zaqar.conf:2: there is no option [drivers:storage:sqlite] database"}},
		{"an empty group", "[nobody]\n", nil},
		{"groups that are passed over", "[cache]\nenabled = false\n[keystone_authtoken]\nx = $y\n[oslo_middleware]\nz = 1\n[cors]\na = 1\n[cors.b]\na = 1\n[profiler]\nenabled = 1\n[trustee]\na = 1\n[pooling:catalog]\nstorage = x\n", nil},
		{"options that are passed over", "[DEFAULT]\nverbose = True\nuse_syslog = no\nlogging_exception_prefix = %(x)s\nlog_config_append = /x\nrate_limit_burst = 1\n", nil},
		{"a group of which some are passed over", "[DEFAULT]\nuse_jsn = 1\n",
			[]string{"zaqar.conf:2: there is no option [DEFAULT] use_jsn; did you mean [DEFAULT] use_json?"}},
		{"a known group among those passed over", "[oslo_policy]\nenforce_new_defaults = true\npolicy_file = x\n", nil},
	}
	for _, tt := range tests {
		_, warnings, errs := loadText(t, tt.content)
		sameTexts(t, tt.name, warnings, tt.want)
		sameTexts(t, tt.name+": errors", errs, nil)
	}
}

// Files of 2014 and of 2016 load, and warn of nothing but older names.
func TestExistingFiles(t *testing.T) {
	c, warnings, err := Load(Sources{Files: []string{filepath.Join("testdata", "icehouse.conf")}})
	if err != nil {
		t.Fatal(err)
	}
	sameTexts(t, "icehouse", warningTexts(warnings, "testdata"), []string{
		"icehouse.conf:7: [DEFAULT] logfile is an older name of [DEFAULT] log_file",
		"icehouse.conf:8: [DEFAULT] logdir is an older name of [DEFAULT] log_dir",
		"icehouse.conf:11: [DEFAULT] sharding is an older name of [DEFAULT] pooling",
		"icehouse.conf:27: [drivers] storage is an older name of [drivers] message_store",
		"icehouse.conf:34: [drivers:storage:sqlalchemy] uri is an older name of [drivers:message_store:sqlalchemy] uri and [drivers:management_store:sqlalchemy] uri",
		"icehouse.conf:37: [limits:transport] queue_paging_uplimit is an older name of [transport] max_queues_per_page",
		"icehouse.conf:38: [limits:transport] message_paging_uplimit is an older name of [transport] max_messages_per_page",
		"icehouse.conf:39: [limits:transport] metadata_size_uplimit is an older name of [transport] max_queue_metadata",
		"icehouse.conf:40: [limits:transport] message_size_uplimit is an older name of [transport] max_messages_post_size",
		"icehouse.conf:41: [limits:transport] message_ttl_max is an older name of [transport] max_message_ttl",
		"icehouse.conf:42: [limits:transport] claim_ttl_max is an older name of [transport] max_claim_ttl",
		"icehouse.conf:43: [limits:transport] claim_grace_max is an older name of [transport] max_claim_grace",
	})
	if err := c.Unsupported(); err != nil {
		t.Errorf("icehouse: Unsupported() = %v", err)
	}
	const uri = "sqlite:////var/lib/marconi/marconi.db"
	if data, control, err := c.Stores([]string{"sqlite"}); data != uri || control != "" || err != nil {
		t.Errorf("icehouse: Stores() = %q, %q, %v", data, control, err)
	}
	if got := c.Address() + " " + c.LogFile(); got != "0.0.0.0:8888 /var/log/marconi/marconi.log" {
		t.Errorf("icehouse: address and log file are %s", got)
	}

	c, warnings, err = Load(Sources{Files: []string{filepath.Join("testdata", "newton.conf")}})
	if err != nil {
		t.Fatal(err)
	}
	sameTexts(t, "newton", warningTexts(warnings, "testdata"), []string{
		"newton.conf:90: [transport] max_messages_per_claim is an older name of [transport] max_messages_per_claim_or_pop",
		"newton.conf:91: [transport] max_message_size is an older name of [transport] max_messages_post_size",
	})
	if got := len(allErrors(c.Unsupported())); got != 4 {
		t.Errorf("newton: Unsupported() = %v, want 4 errors", c.Unsupported())
	}
	data, control, err := c.Stores([]string{"mongodb"})
	if data != "mongodb://zaqar:t0p$ecret@10.0.0.21:27017,10.0.0.22:27017/?replicaSet=rs1" ||
		control != "mongodb://zaqar:t0p$ecret@10.0.0.11:27017,10.0.0.12:27017/?replicaSet=rs0" || err != nil {
		t.Errorf("newton: Stores() = %q, %q, %v", data, control, err)
	}
}
