package config

import "time"

func serviceGroup(s *Service, l *Log) group {
	return group{"DEFAULT", "What the service as a whole does, and what it logs.", []option{
		{name: "admin_mode", value: boolean(&s.AdminMode),
			help: "Opens the routes for administrators: pools, flavors and the detailed health report. Set it only on servers that clients can't reach."},
		{name: "enable_deprecated_api_versions", value: list(&s.EnabledVersions, nil, "1", "1.1"),
			help: "Which of the API versions 1 and 1.1 are served. If the option is not set, both are; if it is set to nothing, neither is."},
		{name: "enable_checksum", value: boolean(&s.EnableChecksum),
			help: "Gives each message a checksum of its body, which clients of version 1.1 see."},
		{name: "auth_strategy", value: choice(&s.AuthStrategy, "", "", "keystone"),
			help: "How callers prove who they are. If it is empty, everybody is who they say: then only trusted clients may reach the server. This version refuses to start with anything else."},
		{name: "pooling", value: boolean(&s.Pooling), older: []key{{"DEFAULT", "sharding"}},
			help: "Spreads queues over several stores. This version refuses to start with it."},
		{name: "unreliable", value: boolean(&s.Unreliable), later: true,
			help: "Lets a MongoDB store run without a replica set, although it may then lose messages."},
		{name: "debug", value: boolean(&l.Debug),
			help: "Logs what happens in detail, unless [marconi] log_level says otherwise."},
		{name: "log_file", value: filePath(&l.File, ""), older: []key{{"DEFAULT", "logfile"}},
			help: "The file to log to. If it is empty, the log goes to standard error."},
		{name: "log_dir", value: filePath(&l.Dir, ""), older: []key{{"DEFAULT", "logdir"}},
			help: "The folder that log_file is in, unless log_file is a whole path. With a folder and no log_file, the log goes to " + defaultLogFile + " there."},
		{name: "use_json", value: boolean(&l.JSON),
			help: "Logs lines of JSON, unless [marconi] log_format says otherwise."},
		{name: "default_log_levels", value: list(&l.Levels, nil), later: true,
			help: "Levels of single components, as name=LEVEL."},
	}}
}

// maxSpan bounds the options about time.
const maxSpan = 24 * time.Hour

func marconiGroup(m *Marconi) group {
	return group{"marconi", "What only this server knows: where its data is and how it listens. These options beat those that other groups have for the same.", []option{
		{name: "store", value: uri(&m.Store, ""),
			help: "The URI of the store of messages, such as sqlite:////var/lib/marconi/messages.db or memory://. It beats all of [drivers]. If neither says anything, the server keeps its data in SQLite, in its user's data folder."},
		{name: "control_store", value: uri(&m.ControlStore, ""),
			help: "The URI of the store of queues and of what else is managed. If it is empty, that is where the messages are; with Swift it is where their index is, or Swift itself if there is none (index=none)."},
		{name: "adopt_data", value: boolean(&m.AdoptData),
			help: "Lets a new control store take over messages that belong to another one. Set it for one start, after the control store was lost."},
		{name: "listen", value: address(&m.Listen),
			help: "The address to listen on, as host:port. It beats bind and port of [drivers:transport:wsgi]. Port 0 is any free port."},
		{name: "ops_listen", value: address(&m.OpsListen),
			help: "The address on which operators, and nobody else, reach /metrics, /healthz, /readyz and /debug/pprof/, over HTTP without TLS. If it is empty, there is no such address. They are never on the address that clients use."},
		{name: "tls_cert", value: filePath(&m.TLSCert, ""),
			help: "The file with the server's certificate and those between it and the root, in PEM form. With it and tls_key the server speaks TLS only. SIGHUP has it read again."},
		{name: "tls_key", value: filePath(&m.TLSKey, ""),
			help: "The file with the private key of tls_cert, in PEM form."},
		{name: "log_format", value: choice(&m.LogFormat, "", "text", "json"),
			help: "How a log line looks. If it is not set, it is json with [DEFAULT] use_json and text without."},
		{name: "log_level", value: choice(&m.LogLevel, "", "debug", "info", "warning", "error"),
			help: "The least level that is logged. If it is not set, it is debug with [DEFAULT] debug and info without. SIGHUP has it read again."},
		{name: "slow_request_time", value: seconds(&m.SlowRequestTime, 500*time.Millisecond, 0, maxSpan),
			help: "From how many seconds on a request leaves a line in the log, which says how much of that the store took. With 0 none does. A request that may wait for messages counts with the store's time alone."},
		{name: "health_interval", value: seconds(&m.HealthInterval, time.Minute, 0, maxSpan),
			help: "How many seconds a health report of version 1.1 is given again before a new one is made. Making one posts messages to the store; with 0 each request does."},
		{name: "request_timeout", value: seconds(&m.RequestTimeout, 5*time.Second, time.Millisecond, maxSpan),
			help: "How many seconds the store has for the work of one request, before the answer is 503."},
		{name: "shutdown_timeout", value: seconds(&m.ShutdownTimeout, 10*time.Second, 0, maxSpan),
			help: "How many seconds requests under way have to finish when the server is told to stop."},
		{name: "header_timeout", value: seconds(&m.HeaderTimeout, 10*time.Second, time.Millisecond, maxSpan),
			help: "How many seconds a client has to send the headers of a request."},
		{name: "body_timeout", value: seconds(&m.BodyTimeout, 30*time.Second, time.Millisecond, maxSpan),
			help: "How many seconds a client has to send a whole request."},
		{name: "write_timeout", value: seconds(&m.WriteTimeout, time.Minute, time.Millisecond, maxSpan),
			help: "How many seconds there are from the end of a request's headers until its answer is with the client."},
		{name: "idle_timeout", value: seconds(&m.IdleTimeout, 2*time.Minute, time.Millisecond, maxSpan),
			help: "How many seconds a connection stays open between two requests."},
		{name: "max_header_bytes", value: whole(&m.MaxHeaderBytes, 65536, 4096, 1<<24),
			help: "The most bytes of a request's first line and headers."},
		{name: "max_json_depth", value: whole(&m.MaxJSONDepth, 1000, 16, 10000),
			help: "How deep a request's JSON may be nested."},
		{name: "max_connections", value: whole(&m.MaxConnections, 16384, 16, 1<<20),
			help: "How many connections clients may have at once. On one more, the request is answered 503 and the connection closed. If the process may have fewer files open, that counts."},
		{name: "max_requests", value: whole(&m.MaxRequests, 4096, 1, 1<<20),
			help: "How many calls the stores work on at once. A request that would make one more is answered 503, at once. Requests that wait for messages don't count."},
		{name: "max_body_bytes_in_flight", value: whole(&m.MaxBodyBytesInFlight, 256<<20, 4096, 1<<40),
			help: "How many bytes the bodies of all requests under way may have together. A request that would be above it is answered 503 before its body is read, unless it is alone."},
	}}
}

func driversGroup(d *Drivers) group {
	return group{"drivers", "Which drivers do the work. The stores they name have their options in groups of their own. An existing file that has such groups but names no driver means mongodb, as it always did.", []option{
		{name: "transport", value: list(&d.Transport, []string{"wsgi"}, "wsgi", "websocket"),
			help: "How clients reach the server: wsgi is HTTP. This version refuses to start with websocket."},
		{name: "message_store", value: choice(&d.MessageStore, "", driverNames()...), older: []key{{"drivers", "storage"}},
			help: "The driver of the store of messages; its URI is in the group [drivers:message_store:NAME]. sqlite is another name of sqlalchemy, and memory needs no URI."},
		{name: "management_store", value: choice(&d.ManagementStore, "", driverNames()...),
			help: "The driver of the store of queues and of what else is managed; its URI is in the group [drivers:management_store:NAME]. If it is not set, that is where the messages are."},
	}}
}

func pipelinesGroup(p *Pipelines) group {
	stages := func(name string, field *[]string, of string) option {
		return option{name: name, value: list(field, nil),
			help: "The stages that a call about " + of + " passes before it reaches the store. This version has none, and refuses to start if any is named."}
	}
	return group{"storage", "What stands in front of the stores.", []option{
		stages("queue_pipeline", &p.Queue, "queues"),
		stages("message_pipeline", &p.Message, "messages"),
		stages("claim_pipeline", &p.Claim, "claims"),
		stages("subscription_pipeline", &p.Subscription, "subscriptions"),
		stages("topic_pipeline", &p.Topic, "topics"),
	}}
}

func catalogGroup(c *Catalog) group {
	return allLater(group{"pooling:catalog", "How queues are spread over pools.", []option{
		{name: "enable_virtual_pool", value: boolean(&c.EnableVirtualPool),
			help: "With pooling, keeps queues in the message store itself as long as there are no pools."},
	}})
}
