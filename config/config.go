// Package config is the configuration of a server: one struct, its defaults, its file format and its printed form.
//
// Files are INI files as oslo.config reads them, so that those of an existing installation load unchanged. What an
// option is called, what it may hold, its default, its older names and its meaning stand once, in the table that
// [Config] is tied to; reading, environment names, suggestions, printing and the page of documentation are made from it.
//
// The package knows no store and no transport: it reads what is asked for, and [Config.Unsupported] says what of it
// this version can't do.
package config

import (
	"time"

	"github.com/marconi-mq/marconi"
)

// A Config is the configuration of a server. Each struct in it is a group of options, each field an option; [Markdown]
// says what they mean. Start from [Default] or [Load]; the zero value is of no use.
type Config struct {
	Service   Service   // [DEFAULT]
	Log       Log       // [DEFAULT], the part about logging
	Marconi   Marconi   // [marconi]
	Transport Transport // [transport]

	Drivers         Drivers   // [drivers]
	WSGI            WSGI      // [drivers:transport:wsgi]
	WebSocket       WebSocket // [drivers:transport:websocket]
	MessageStore    Stores    // [drivers:message_store:…]
	ManagementStore Stores    // [drivers:management_store:…]
	Pipelines       Pipelines // [storage]
	Catalog         Catalog   // [pooling:catalog]

	SignedURL    SignedURL    // [signed_url]
	Notification Notification // [notification]
	Policy       Policy       // [oslo_policy]

	origins map[key]Origin // of the options that a source has set
}

// Service is the group DEFAULT: what the service as a whole does.
type Service struct {
	AdminMode       bool
	Pooling         bool
	Unreliable      bool
	AuthStrategy    string
	EnabledVersions []string // nil: not set, all versions
	EnableChecksum  bool
}

// Log is the part of the group DEFAULT that says what is logged, and where to. The server asks [Config.LogLevel],
// [Config.LogFile] and [Config.LogJSON].
type Log struct {
	Debug  bool
	File   string
	Dir    string
	JSON   bool
	Levels []string
}

// Marconi is the group of this server's own options.
type Marconi struct {
	Store        string // a URI; the server asks [Config.Stores]
	ControlStore string
	AdoptData    bool

	Listen    string // the server asks [Config.Address]
	OpsListen string // "": nowhere
	TLSCert   string
	TLSKey    string

	LogFormat       string
	LogLevel        string
	SlowRequestTime time.Duration // 0: none is slow

	RequestTimeout  time.Duration
	ShutdownTimeout time.Duration
	HealthInterval  time.Duration
	HeaderTimeout   time.Duration
	BodyTimeout     time.Duration
	WriteTimeout    time.Duration
	IdleTimeout     time.Duration

	MaxHeaderBytes       int
	MaxJSONDepth         int
	MaxConnections       int
	MaxRequests          int
	MaxBodyBytesInFlight int64
}

// Transport is the group of limits and defaults of the API. The server asks [Config.Limits].
type Transport struct {
	DefaultMessageTTL      marconi.Seconds
	DefaultMessageDelay    marconi.Seconds
	DefaultClaimTTL        marconi.Seconds
	DefaultClaimGrace      marconi.Seconds
	DefaultSubscriptionTTL marconi.Seconds

	MaxQueuesPerPage         int
	MaxMessagesPerPage       int
	MaxSubscriptionsPerPage  int
	MaxFlavorsPerPage        int
	MaxPoolsPerPage          int
	MaxMessagesPerClaimOrPop int

	MaxQueueMetadata    int64
	MaxMessagesPostSize int64

	MaxMessageTTL   marconi.Seconds
	MaxMessageDelay marconi.Seconds
	MaxClaimTTL     marconi.Seconds
	MaxClaimGrace   marconi.Seconds

	SubscriberTypes             []string
	ClientIDUUIDSafe            string // "strict" or "off"
	MinLengthClientID           int
	MaxLengthClientID           int
	MessageDeleteWithClaimID    bool
	MessageEncryptionAlgorithms string
	MessageEncryptionKey        string
}

// Drivers is the group that names the drivers.
type Drivers struct {
	Transport       []string
	MessageStore    string // "": not named
	ManagementStore string // "": not named
}

// WSGI is where the HTTP transport listens. The server asks [Config.Address].
type WSGI struct {
	Bind string
	Port int
}

// WebSocket is where the WebSocket transport listens.
type WebSocket struct {
	Bind             string
	Port             int
	ExternalPort     int
	NotificationBind string
	NotificationPort int
}

// Stores are the options of the drivers of one plane: of messages, or of queues and what else is managed.
type Stores struct {
	MongoDB    MongoDB
	Redis      Redis
	Swift      Swift
	SQLAlchemy SQL
	PostgreSQL SQL
	MySQL      SQL
}

// MongoDB are the options of a MongoDB store.
type MongoDB struct {
	URI                  string
	Database             string
	SSLKeyFile           string
	SSLCertFile          string
	SSLCACerts           string
	SSLCertReqs          string
	MaxAttempts          int
	MaxRetrySleep        time.Duration
	MaxRetryJitter       time.Duration
	MaxReconnectAttempts int
	ReconnectSleep       time.Duration
	Partitions           int // of the message store only
}

// Redis are the options of a Redis store.
type Redis struct {
	URI                  string
	MaxReconnectAttempts int
	ReconnectSleep       time.Duration
}

// Swift are the options of a Swift store.
type Swift struct {
	AuthURL           string
	URI               string
	Insecure          bool
	ProjectDomainID   string
	ProjectDomainName string
	UserDomainID      string
	UserDomainName    string
	RegionName        string
	Interface         string
}

// SQL are the options of a store in a relational database.
type SQL struct {
	URI string
}

// Pipelines are the stages that a call passes before it reaches a store.
type Pipelines struct {
	Queue        []string
	Message      []string
	Claim        []string
	Subscription []string
	Topic        []string
}

// Catalog is the group of the catalogue of pools.
type Catalog struct {
	EnableVirtualPool bool
}

// SignedURL is the group of pre-signed URLs.
type SignedURL struct {
	SecretKey string
}

// Notification is the group of what is sent to subscribers.
type Notification struct {
	SMTPMode                string
	SMTPCommand             string
	SMTPHost                string
	SMTPPort                int
	SMTPUserName            string
	SMTPUserPassword        string
	MaxNotifierWorkers      int
	RequireConfirmation     bool
	ExternalConfirmationURL string
	SubscriptionEmail       map[string]string // topic, body, sender
	UnsubscriptionEmail     map[string]string // topic, body, sender
}

// Policy is the group of role-based rules.
type Policy struct {
	EnforceScope bool
	File         string
	Dirs         []string
}

// Default is the configuration of a server that nobody configured.
func Default() *Config {
	c := &Config{}
	for _, g := range c.groups() {
		for _, o := range g.options {
			o.value.reset()
		}
	}
	return c
}

// Origin is where the value of an option comes from: the zero Origin if nothing set it.
func (c *Config) Origin(group, option string) Origin { return c.origins[key{group, option}] }
