package config

import (
	"path"
	"slices"
	"strings"
)

// A key names an option: its group and its name.
type key struct{ group, name string }

func (k key) String() string { return "[" + k.group + "] " + k.name }

// env is the environment variable that sets the option.
func (k key) env() string {
	return envPrefix + strings.ToUpper(envGroup.Replace(k.group)+"__"+k.name)
}

const envPrefix = "MARCONI_"

var envGroup = strings.NewReplacer(":", "_", "-", "_")

// A group is a section of the file.
type group struct {
	name    string
	help    string
	options []option
}

// An option is one row of the table.
type option struct {
	name  string
	value value
	older []key // names it had; the first that is set counts, if the option itself isn't
	later bool  // read and checked, but nothing in this version makes use of it
	help  string
}

// groups is the table of all options, tied to the fields of c. No other place lists them.
func (c *Config) groups() []group {
	return slices.Concat(
		[]group{
			serviceGroup(&c.Service, &c.Log),
			marconiGroup(&c.Marconi),
			transportGroup(&c.Transport),
			driversGroup(&c.Drivers),
			wsgiGroup(&c.WSGI),
			webSocketGroup(&c.WebSocket),
		},
		messageStoreGroups(&c.MessageStore),
		managementStoreGroups(&c.ManagementStore),
		[]group{
			pipelinesGroup(&c.Pipelines),
			catalogGroup(&c.Catalog),
			signedURLGroup(&c.SignedURL),
			notificationGroup(&c.Notification),
			policyGroup(&c.Policy),
		},
	)
}

// allLater marks the options of a group whose feature isn't there yet.
func allLater(g group) group {
	for i := range g.options {
		g.options[i].later = true
	}
	return g
}

// ignoredNames are options of one group that existing files hold and this server does without.
type ignoredNames struct {
	group string // * stands for any text, here and in the names
	names []string
	why   string
}

// ignoredOptions are passed over in silence, unless the table knows them.
var ignoredOptions = []ignoredNames{
	{"DEFAULT", []string{
		"logging_*", "log_format", "log_date_format", "log_color", "instance_format", "instance_uuid_format",
	}, "log lines have one fixed layout"},
	{"DEFAULT", []string{
		"log_config_append", "log_config", "use_stderr", "use_syslog", "use_syslog_rfc_format", "syslog_log_facility",
		"use_journal", "use_eventlog",
	}, "the log goes to a file or to standard error"},
	{"DEFAULT", []string{
		"watch_log_file", "log_rotate_interval", "log_rotate_interval_type", "log_rotation_type", "max_logfile_count",
		"max_logfile_size_mb",
	}, "log files are turned over by the machine's own means"},
	{"DEFAULT", []string{
		"verbose", "publish_errors", "rate_limit_*", "fatal_deprecations",
	}, "every line at or above the level is logged, and older names always work"},
	{"pooling:catalog", []string{"storage"}, "the catalogue of pools is in the management store"},
	{"sharding:catalog", []string{"storage"}, "the catalogue of pools is in the management store"},
	{"cache", []string{"*"}, "the server keeps a cache in its own memory"},
	{"keystone_authtoken", []string{"*"}, "it counts only with `auth_strategy = keystone`, which this version refuses"},
	{"trustee", []string{"*"}, "it counts only for subscribers of the kind trust+http"},
	{"cors", []string{"*"}, "pages of other origins get no leave to read answers"},
	{"cors.*", []string{"*"}, "pages of other origins get no leave to read answers"},
	{"profiler", []string{"*"}, "this version traces nothing"},
	{"oslo_*", []string{"*"}, "it is about libraries that this server does without"},
}

// ignored reports whether the option is one to pass over.
func ignored(k key) bool {
	for _, i := range ignoredOptions {
		if match(i.group, k.group) && slices.ContainsFunc(i.names, func(n string) bool { return match(n, k.name) }) {
			return true
		}
	}
	return false
}

// match reports whether text fits the pattern. An environment variable has _ for a colon, and a slash is no more than
// any other character, unlike in paths.
func match(pattern, text string) bool {
	plain := strings.NewReplacer(":", "_", "/", "_")
	ok, err := path.Match(plain.Replace(pattern), plain.Replace(text))
	return ok && err == nil
}

// An index finds the rows of a table.
type index struct {
	groups  []group
	options map[key]*option // by their own names
	names   map[key][]key   // every name, older ones too, and which options it sets
	env     map[string]key
}

func newIndex(groups []group) *index {
	x := &index{groups: groups, options: map[key]*option{}, names: map[key][]key{}, env: map[string]key{}}
	for _, g := range groups {
		for i := range g.options {
			o := &g.options[i]
			own := key{g.name, o.name}
			x.options[own] = o
			for _, name := range append([]key{own}, o.older...) {
				x.names[name] = append(x.names[name], own)
				x.env[name.env()] = name
			}
		}
	}
	return x
}

// hasGroup reports whether any option, also by an older name, or any ignored one is in the group.
func (x *index) hasGroup(name string) bool {
	for k := range x.names {
		if k.group == name {
			return true
		}
	}
	return slices.ContainsFunc(ignoredOptions, func(i ignoredNames) bool { return match(i.group, name) })
}
