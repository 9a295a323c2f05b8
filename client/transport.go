package client

import (
	"net"
	"net/http"
	"time"
)

// idleConnections is what a transport keeps open to a host. The two of [http.DefaultTransport] would make every third
// concurrent caller dial anew for each request.
const idleConnections = 256

// NewTransport makes the transport that clients use by default. It opens as many connections as there are concurrent
// calls and keeps up to 256 of them for the next ones. Change it before its first use: MaxConnsPerHost, for one, makes
// a fixed set of connections of it; callers then wait for a free one.
//
// It asks for no compression, so that the sizes seen by [Config.Observe] are those on the wire.
//
// What [net/http.Transport] sends again by itself is harmless: any request of which nothing had been written when a kept
// connection turned out to be closed, or that an HTTP/2 server refused to look at; and GET and HEAD until an answer
// begins. A post, claim or pop that a server may have seen is never sent twice. [Exchange.Connections] tells.
func NewTransport() *http.Transport {
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          idleConnections,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
	}
}
