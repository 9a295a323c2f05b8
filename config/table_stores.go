package config

import "time"

func messageStoreGroups(s *Stores) []group {
	mongo := mongoGroup("message_store", &s.MongoDB)
	mongo.options = append(mongo.options, option{name: "partitions", value: whole(&s.MongoDB.Partitions, 2, 1, 1000),
		help: "Over how many databases the messages are spread. Never change it once there are messages."})
	return planeGroups("message_store", mongo,
		redisGroup("message_store", &s.Redis),
		swiftGroup("message_store", &s.Swift),
		sqlGroup("message_store", "sqlalchemy", &s.SQLAlchemy),
		sqlGroup("message_store", "postgresql", &s.PostgreSQL),
		sqlGroup("message_store", "mysql", &s.MySQL))
}

func managementStoreGroups(s *Stores) []group {
	return planeGroups("management_store", mongoGroup("management_store", &s.MongoDB),
		redisGroup("management_store", &s.Redis),
		swiftGroup("management_store", &s.Swift),
		sqlGroup("management_store", "sqlalchemy", &s.SQLAlchemy),
		sqlGroup("management_store", "postgresql", &s.PostgreSQL),
		sqlGroup("management_store", "mysql", &s.MySQL))
}

// planeGroups puts the groups of one plane under their names. Before there were two planes the groups were called
// drivers:storage, so those names count for both.
func planeGroups(plane string, groups ...group) []group {
	for i := range groups {
		g := &groups[i]
		for j := range g.options {
			o := &g.options[j]
			o.later = o.name != "uri" && g.name != "redis" && g.name != "swift"
			o.older = append(o.older, key{"drivers:storage:" + g.name, o.name})
			if g.name == "sqlalchemy" {
				o.older = append(o.older, key{"drivers:" + plane + ":sqlite", o.name}, key{"drivers:storage:sqlite", o.name})
			}
		}
		g.name = "drivers:" + plane + ":" + g.name
	}
	return groups
}

// holds is what a plane's store holds, for help texts.
func holds(plane string) string {
	if plane == "message_store" {
		return "messages"
	}
	return "queues and what else is managed"
}

func mongoGroup(plane string, m *MongoDB) group {
	return group{"mongodb", "A MongoDB store of " + holds(plane) + ".", []option{
		{name: "uri", value: uri(&m.URI, ""),
			help: "Where the store is, as mongodb://host:27017. It has no default."},
		{name: "database", value: text(&m.Database, "zaqar"),
			help: "The database, or the beginning of the databases' names. Servers of the year 2014 called it marconi."},
		{name: "ssl_keyfile", value: filePath(&m.SSLKeyFile, ""),
			help: "The file with the private key of ssl_certfile."},
		{name: "ssl_certfile", value: filePath(&m.SSLCertFile, ""),
			help: "The file with the certificate that this server shows to the store."},
		{name: "ssl_ca_certs", value: filePath(&m.SSLCACerts, ""),
			help: "The file with the certificates that the store's own is checked against."},
		{name: "ssl_cert_reqs", value: choice(&m.SSLCertReqs, "CERT_REQUIRED", "CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"),
			help: "Whether the store has to show a certificate, and whether that is checked."},
		{name: "max_attempts", value: whole(&m.MaxAttempts, 1000, 0, 1_000_000),
			help: "How often a post is tried that collides with others."},
		{name: "max_retry_sleep", value: seconds(&m.MaxRetrySleep, 100*time.Millisecond, 0, maxSpan),
			help: "The longest wait between two tries, in seconds."},
		{name: "max_retry_jitter", value: seconds(&m.MaxRetryJitter, 5*time.Millisecond, 0, maxSpan),
			help: "The most seconds by which a wait is made longer at random."},
		{name: "max_reconnect_attempts", value: whole(&m.MaxReconnectAttempts, 10, 0, 1_000_000),
			help: "How often a call is tried again after the connection broke."},
		{name: "reconnect_sleep", value: seconds(&m.ReconnectSleep, 20*time.Millisecond, 0, maxSpan),
			help: "The seconds before the first of these tries. Each further wait is twice as long."},
	}}
}

// redisGroup has the defaults of the driver, which are shorter than those of OpenStack's: a request has only seconds.
func redisGroup(plane string, r *Redis) group {
	return group{"redis", "A Redis store of " + holds(plane) + ".", []option{
		{name: "uri", value: uri(&r.URI, "redis://127.0.0.1:6379"),
			help: "Where the store is, as redis://[user:password@]host[:port][?options], or, behind Sentinel, redis://host,host?master=name."},
		{name: "max_reconnect_attempts", value: whole(&r.MaxReconnectAttempts, 3, 0, 1_000_000),
			help: "How often a call is tried again that found no connection, as long as the request has time. The URI may say it as well, and then counts."},
		{name: "reconnect_sleep", value: seconds(&r.ReconnectSleep, 50*time.Millisecond, 0, maxSpan),
			help: "The seconds before the first of these tries. Each further wait is twice as long. The URI may say it as well, and then counts."},
	}}
}

func swiftGroup(plane string, s *Swift) group {
	return group{"swift", "A Swift store of " + holds(plane) + ".", []option{
		{name: "uri", value: uri(&s.URI, ""),
			help: "Who uses the store, as swift://user:password@/project?options. It has no default. What the URI says itself counts before the options of this group."},
		{name: "auth_url", value: uri(&s.AuthURL, "http://127.0.0.1:5000/v3/"),
			help: "Where the identity service is. A host in the URI counts if this is not given."},
		{name: "insecure", value: boolean(&s.Insecure),
			help: "Leaves certificates unchecked."},
		{name: "project_domain_id", value: text(&s.ProjectDomainID, ""),
			help: "The ID of the project's domain."},
		{name: "project_domain_name", value: text(&s.ProjectDomainName, "Default"),
			help: "The name of the project's domain."},
		{name: "user_domain_id", value: text(&s.UserDomainID, ""),
			help: "The ID of the user's domain."},
		{name: "user_domain_name", value: text(&s.UserDomainName, "Default"),
			help: "The name of the user's domain."},
		{name: "region_name", value: text(&s.RegionName, ""),
			help: "The region that the store is in."},
		{name: "interface", value: text(&s.Interface, "publicURL"),
			help: "Which of the store's addresses is used: publicURL, internalURL or adminURL."},
	}}
}

func sqlGroup(plane, name string, s *SQL) group {
	help := map[string]string{
		"sqlalchemy": "Where the store is: sqlite:////path, mysql+pymysql://… or postgresql+psycopg2://…, as SQLAlchemy has it. It has no default, since that was a store in memory.",
		"postgresql": "Where the store is, as postgresql://user:password@host/database.",
		"mysql":      "Where the store is, as mysql://user:password@host/database.",
	}
	title := map[string]string{"sqlalchemy": "A relational", "postgresql": "A PostgreSQL", "mysql": "A MySQL or MariaDB"}
	return group{name, title[name] + " store of " + holds(plane) + ".", []option{
		{name: "uri", value: uri(&s.URI, ""), help: help[name]},
	}}
}
