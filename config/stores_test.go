package config

import (
	"path/filepath"
	"testing"
)

func TestStores(t *testing.T) {
	built := []string{"memory", "sqlite"}
	all := []string{"memory", "mongodb", "mysql", "postgresql", "redis", "sqlite", "swift"}
	const (
		builtNames = "which has memory, sqlite"
		implied    = "[drivers] message_store is not set, which means mongodb in such a file; "
	)
	tests := []struct {
		name, content string
		known         []string
		data, control string
		errs          []string
	}{
		{name: "nothing said", content: "[DEFAULT]\ndebug = true\n", known: built},
		{name: "only a transport", content: "[drivers]\ntransport = wsgi\n[drivers:transport:wsgi]\nport = 1\n", known: built},
		{name: "our own store", content: "[marconi]\nstore = sqlite:/x.db\n", known: built, data: "sqlite:/x.db"},
		{name: "our own two", content: "[marconi]\nstore = memory:\ncontrol_store = sqlite:/x.db\n", known: built, data: "memory:", control: "sqlite:/x.db"},
		{name: "a control store only", content: "[marconi]\ncontrol_store = sqlite:/x.db\n", known: built, control: "sqlite:/x.db"},
		{name: "our own beat drivers", known: built, data: "sqlite:/x.db",
			content: "[marconi]\nstore = sqlite:/x.db\n[drivers]\nmessage_store = mongodb\nmanagement_store = mongodb\n"},
		{name: "our own beat what is implied", known: built, data: "memory:",
			content: "[marconi]\nstore = memory:\n[drivers:message_store:mongodb]\nuri = mongodb://h\n"},
		{name: "our control store and a driver", known: built, data: "sqlite:/d.db", control: "sqlite:/c.db",
			content: "[marconi]\ncontrol_store = sqlite:/c.db\n[drivers]\nmessage_store = sqlite\n[drivers:message_store:sqlalchemy]\nuri = sqlite:/d.db\n"},
		{name: "our own, not built in", content: "[marconi]\nstore = redis://u:secret@h\ncontrol_store = SWIFT://x\n", known: built, errs: []string{
			"zaqar.conf:2: [marconi] store: store redis is not built into this server, " + builtNames,
			"zaqar.conf:3: [marconi] control_store: store swift is not built into this server, " + builtNames}},

		{name: "memory", content: "[drivers]\nmessage_store = memory\n", known: built, data: "memory://"},
		{name: "sqlalchemy", content: "[drivers]\nmessage_store = sqlalchemy\n[drivers:message_store:sqlalchemy]\nuri = sqlite:////x.db\n",
			known: built, data: "sqlite:////x.db"},
		{name: "an old storage", content: "[drivers]\nstorage = sqlite\n[drivers:storage:sqlalchemy]\nuri = sqlite:////x.db\n",
			known: built, data: "sqlite:////x.db"},
		{name: "an old storage in a group of its name", content: "[drivers]\nstorage = sqlite\n[drivers:storage:sqlite]\nuri = sqlite:////x.db\n",
			known: built, data: "sqlite:////x.db"},
		{name: "a store of SQLAlchemy that is not built in", known: built,
			content: "[drivers]\nmessage_store = sqlalchemy\n[drivers:message_store:sqlalchemy]\nuri = mysql+pymysql://u:p@h/db\n",
			errs:    []string{"zaqar.conf:2: [drivers] message_store: store mysql is not built into this server, " + builtNames}},
		{name: "a driver without its URI", content: "[drivers]\nmessage_store = sqlite\n", known: built,
			errs: []string{"zaqar.conf:2: [drivers] message_store: [drivers:message_store:sqlalchemy] has no uri"}},
		{name: "a driver that is not built in, without its URI", content: "[drivers]\nmessage_store = mongodb\n", known: built,
			errs: []string{"zaqar.conf:2: [drivers] message_store: store mongodb is not built into this server, " + builtNames}},
		{name: "two drivers, neither of use", known: built,
			content: "[drivers]\nmessage_store = mongodb\nmanagement_store = sqlalchemy\n[drivers:message_store:mongodb]\nuri = mongodb://h\n",
			errs: []string{"zaqar.conf:2: [drivers] message_store: store mongodb is not built into this server, " + builtNames,
				"zaqar.conf:3: [drivers] management_store: [drivers:management_store:sqlalchemy] has no uri"}},
		{name: "the URI of another driver", content: "[drivers]\nmessage_store = sqlite\n[drivers:message_store:sqlalchemy]\nuri = redis://h\n", known: built,
			errs: []string{"zaqar.conf:4: [drivers:message_store:sqlalchemy] uri: a URI of driver sqlite begins with sqlite:"}},

		{name: "an implied driver", content: "[drivers:message_store:mongodb]\ndatabase = x\nuri = mongodb://h\n", known: built,
			errs: []string{"zaqar.conf:3: [drivers:message_store:mongodb] uri: " + implied + "store mongodb is not built into this server, " + builtNames}},
		{name: "an implied driver, by an older name", content: "[drivers:storage:mongodb]\nuri = mongodb://h\n", known: built,
			errs: []string{"zaqar.conf:2: [drivers:message_store:mongodb] uri: " + implied + "store mongodb is not built into this server, " + builtNames}},
		{name: "an implied driver, by another's group", content: "[drivers:message_store:sqlalchemy]\nuri = sqlite:/x.db\n", known: built,
			errs: []string{"zaqar.conf:2: [drivers:message_store:sqlalchemy] uri: " + implied + "store mongodb is not built into this server, " + builtNames}},
		{name: "an implied driver, by the other plane", content: "[drivers]\nmanagement_store = memory\n", known: built,
			errs: []string{"zaqar.conf:2: [drivers] management_store: " + implied + "store mongodb is not built into this server, " + builtNames}},
		{name: "an implied management driver", known: built,
			content: "[drivers]\nmessage_store = memory\n[drivers:management_store:mongodb]\nuri = mongodb://h\n",
			errs: []string{"zaqar.conf:4: [drivers:management_store:mongodb] uri: [drivers] management_store is not set, which means mongodb in such a file; " +
				"store mongodb is not built into this server, " + builtNames}},
		{name: "an implied driver that is built in", content: "[drivers:storage:mongodb]\nuri = mongodb://h/\n", known: all, data: "mongodb://h/"},
		{name: "both implied", known: all, data: "mongodb://a", control: "mongodb://b",
			content: "[drivers:message_store:mongodb]\nuri = mongodb://a\n[drivers:management_store:mongodb]\nuri = mongodb://b\n"},

		{name: "two planes", known: all, data: "redis://a", control: "mongodb://b",
			content: "[drivers]\nmessage_store = redis\nmanagement_store = mongodb\n[drivers:message_store:redis]\nuri = redis://a\n[drivers:management_store:mongodb]\nuri = mongodb://b\n"},
		{name: "one plane's URI for both", known: all, data: "redis://a",
			content: "[drivers]\nmessage_store = redis\n[drivers:storage:redis]\nuri = redis://a\n"},
		{name: "the default of redis", content: "[drivers]\nmessage_store = redis\n", known: all, data: "redis://127.0.0.1:6379"},
		{name: "options of an old group of redis", known: all, data: "redis://a?max_reconnect_attempts=5&reconnect_sleep=0.25",
			content: "[drivers]\nstorage = redis\n[drivers:storage:redis]\nuri = redis://a\nmax_reconnect_attempts = 5\nreconnect_sleep = 0.250\n"},
		{name: "options of redis beside others", known: all, data: "redis://a,b?master=m&reconnect_sleep=0",
			content: "[drivers]\nmessage_store = redis\n[drivers:message_store:redis]\nuri = redis://a,b?master=m\nreconnect-sleep = 0\n"},
		{name: "options that the URI has itself", known: all, data: "redis://a?max_reconnect_attempts=1&reconnect%5Fsleep=2",
			content: "[drivers]\nmessage_store = redis\n[drivers:message_store:redis]\nuri = redis://a?max_reconnect_attempts=1&reconnect%5Fsleep=2\nmax_reconnect_attempts = 7\nreconnect_sleep = 7\n"},
		{name: "options of redis beside its default URI", known: all, data: "redis://127.0.0.1:6379?max_reconnect_attempts=0",
			content: "[drivers]\nmessage_store = redis\n[drivers:message_store:redis]\nmax_reconnect_attempts = 0\n"},
		{name: "options of one plane of redis", known: all, data: "redis://a?max_reconnect_attempts=7", control: "redis://a?reconnect_sleep=3",
			content: "[drivers]\nmessage_store = redis\nmanagement_store = redis\n[drivers:message_store:redis]\nuri = redis://a\nmax_reconnect_attempts = 7\n[drivers:management_store:redis]\nuri = redis://a\nreconnect_sleep = 3\n"},
		{name: "options of one plane of redis, the other's group there too", known: all, data: "redis://a?max_reconnect_attempts=7",
			content: "[drivers]\nmessage_store = redis\n[drivers:message_store:redis]\nuri = redis://a\nmax_reconnect_attempts = 7\n[drivers:management_store:redis]\nuri = redis://a\n"},
		{name: "our own store beside a group of redis", known: all, data: "redis://b",
			content: "[marconi]\nstore = redis://b\n[drivers:message_store:redis]\nuri = redis://a\nmax_reconnect_attempts = 7\n"},
		{name: "a FIFO of MongoDB", content: "[drivers]\nmessage_store = mongodb.fifo\n[drivers:message_store:mongodb]\nuri = mongodb.fifo://h\n",
			known: all, data: "mongodb://h"},
		{name: "dialects", known: all, data: "postgresql://u:p@h/db", control: "mysql://u:p@h/db",
			content: "[drivers]\nmessage_store = sqlalchemy\nmanagement_store = mysql\n[drivers:message_store:sqlalchemy]\nuri = postgresql+psycopg2://u:p@h/db\n[drivers:management_store:mysql]\nuri = mariadb+pymysql://u:p@h/db\n"},
		{name: "swift", content: "[drivers]\nmessage_store = swift\nmanagement_store = memory\n[drivers:message_store:swift]\nuri = swift://d:p@/d\n",
			known: all, data: "swift://d:p@/d", control: "memory://"},
		{name: "swift with the options of OpenStack", known: all,
			data: "swift://d:p@/d?auth_url=https%3A%2F%2Fid%2Fv3&insecure=true&project_domain_id=pd&user_domain_name=U+D&region_name=r1&interface=internalURL",
			content: "[drivers]\nmessage_store = swift\n[drivers:message_store:swift]\nuri = swift://d:p@/d\nauth_url = https://id/v3\ninsecure = yes\n" +
				"project_domain_id = pd\nuser_domain_name = U D\nregion_name = r1\ninterface = internalURL\n"},
		{name: "options of swift that the URI has itself", known: all, data: "swift://d:p@/d?region_name=r2&interface=adminURL",
			content: "[drivers]\nmessage_store = swift\n[drivers:message_store:swift]\nuri = swift://d:p@/d?region_name=r2\nregion_name = r1\ninterface = adminURL\n"},
		{name: "swift for both, apart", known: all, data: "swift://d:p@/d?index=none", control: "swift://d:p@/c",
			content: "[drivers]\nmessage_store = swift\nmanagement_store = swift\n[drivers:message_store:swift]\nuri = swift://d:p@/d?index=none\n" +
				"[drivers:management_store:swift]\nuri = swift://d:p@/c\n"},
		{name: "swift for both, by the older group", known: all, data: "swift://d:p@/d", content: "[drivers]\nstorage = swift\n[drivers:storage:swift]\nuri = swift://d:p@/d\n"},
		{name: "swift without its URI", content: "[drivers]\nmessage_store = swift\nmanagement_store = memory\n", known: all,
			errs: []string{"zaqar.conf:2: [drivers] message_store: [drivers:message_store:swift] has no uri"}},
	}
	for _, tt := range tests {
		path := file(t, "zaqar.conf", tt.content)
		data, control, err := mustLoad(t, Sources{Files: []string{path}}).Stores(tt.known)
		sameTexts(t, tt.name, errorTexts(err, filepath.Dir(path)), tt.errs)
		if data != tt.data || control != tt.control {
			t.Errorf("%s: Stores() = %q, %q; want %q, %q", tt.name, data, control, tt.data, tt.control)
		}
	}
}

// A Config that was made by hand has no origins.
func TestStoresByHand(t *testing.T) {
	c := Default()
	c.Marconi.Store = "memory:"
	if data, control, err := c.Stores([]string{"memory"}); data != "memory:" || control != "" || err != nil {
		t.Errorf("Stores() = %q, %q, %v", data, control, err)
	}
	c.Marconi.Store = "redis:"
	_, _, err := c.Stores([]string{"memory"})
	sameTexts(t, "redis", errorTexts(err, ""), []string{"default: [marconi] store: store redis is not built into this server, which has memory"})
}

func TestUnsupported(t *testing.T) {
	if err := Default().Unsupported(); err != nil {
		t.Errorf("Default().Unsupported() = %v", err)
	}
	const stages = ": this version has no stages to pass, and leaving one out could change what is stored"
	tests := []struct {
		content string
		want    []string
	}{
		{"[DEFAULT]\nauth_strategy = keystone\n", []string{"zaqar.conf:2: [DEFAULT] auth_strategy: this version can't ask who callers are, and does not start open instead"}},
		{"[DEFAULT]\nauth_strategy =\npooling = off\n[pooling:catalog]\nenable_virtual_pool = true\n[storage]\nclaim_pipeline =\n", nil},
		{"[DEFAULT]\nsharding = on\n", []string{"zaqar.conf:2: [DEFAULT] pooling: this version has no pools, so it would not find the messages in them"}},
		{"[drivers]\ntransport = websocket\n", []string{"zaqar.conf:2: [drivers] transport: this version does not speak WebSocket"}},
		{"[drivers]\ntransport = wsgi,websocket\n", []string{"zaqar.conf:2: [drivers] transport: this version does not speak WebSocket"}},
		{"[drivers]\ntransport =\n", []string{"zaqar.conf:2: [drivers] transport: no client could reach the server"}},
		{"[storage]\nqueue_pipeline = a\nmessage_pipeline = zaqar.notification.notifier\nclaim_pipeline = b\nsubscription_pipeline = c\ntopic_pipeline = d\n", []string{
			"zaqar.conf:2: [storage] queue_pipeline" + stages, "zaqar.conf:3: [storage] message_pipeline" + stages, "zaqar.conf:4: [storage] claim_pipeline" + stages,
			"zaqar.conf:5: [storage] subscription_pipeline" + stages, "zaqar.conf:6: [storage] topic_pipeline" + stages}},
		{"[transport]\nmessage_delete_with_claim_id = true\nmessage_encryption_key = x\n", nil},
	}
	for _, tt := range tests {
		path := file(t, "zaqar.conf", tt.content)
		err := mustLoad(t, Sources{Files: []string{path}}).Unsupported()
		sameTexts(t, tt.content, errorTexts(err, filepath.Dir(path)), tt.want)
	}
}
