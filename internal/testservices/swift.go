//go:build unix

package testservices

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A Swift is OpenStack's object store, as processes of this machine: a proxy, and servers of accounts, containers and objects.
//
// Its tempauth knows test:tester with the key testing, who owns the account test; other:tester with testing2, who owns
// another; test:guest with guesting, who may do nothing; and admin:admin with admin, who may do all in any account.
type Swift struct {
	Host       string // the proxy's host:port
	AuthURL    string // for a log-in by tempauth, or by Keystone
	StorageURI string // swift://tester:testing@127.0.0.1:PORT/test?auth=v1; with a Keystone its port, auth=v3 and region_name

	Proxy      *Server
	Account    *Server
	Containers []*Server // one, or three in a cluster
	Objects    []*Server

	dir     string
	log     *swiftLog
	forker  *forker
	servers []*Server // all, in the order of starting
	daemons []*Server
	marks   atomic.Int64
}

// SwiftOptions say what is to be started. Without any it is one server of each kind, and nothing runs in the background.
type SwiftOptions struct {
	// Cluster is for three replicas of all, on three devices each. Each device of objects and of containers has a server of its
	// own; the one server of accounts has three. With it come the daemons, and replicators.
	Cluster bool
	// Daemons are for updaters, by which an account learns how much its containers hold, and for the expirer, which removes
	// from listings what has passed its X-Delete-At. They come by every second.
	Daemons bool
	// Keystone is who knows users and their tokens, instead of tempauth. Such a Keystone serves one Swift.
	Keystone *Keystone
	// TokenLife is for how long a token of tempauth holds; a day if zero.
	TokenLife time.Duration
	// NodeTimeout is for how long the proxy waits for a server that stands still; ten seconds if zero.
	NodeTimeout time.Duration
	// Without names filters that the proxy has to do without, as "bulk".
	Without []string
}

// StartSwift starts a Swift that ends with the test.
func StartSwift(t testing.TB, o SwiftOptions) *Swift {
	t.Helper()
	s, err := RunSwift(t.TempDir(), o)
	Require(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Swift:\n%s", s.Log())
		}
		s.Close()
	})
	return s
}

// RunSwift starts a Swift with all its data in dir, for a whole test binary. Give its error to [Require] in each test, and
// end it with [Swift.Close] after the last one.
func RunSwift(dir string, o SwiftOptions) (*Swift, error) {
	if err := swiftInstalled(o); err != nil {
		return nil, err
	}
	log, err := newSwiftLog()
	if err != nil {
		return nil, err
	}
	s := &Swift{dir: dir, log: log}
	if err = s.prepare(o); err == nil {
		err = s.start()
	}
	if err != nil {
		err = fmt.Errorf("start Swift: %w\n%s", err, s.Log())
		s.Close()
		return nil, err
	}
	return s, nil
}

// swiftModules are what takes Swift's programs long to import.
var swiftModules = []string{"pkg_resources", "swift.common.wsgi", "swift.common.daemon", "swift.proxy.server", "swift.account.server",
	"swift.container.server", "swift.obj.server", "swift.common.middleware.tempauth", "swift.common.middleware.bulk",
	"swift.common.middleware.slo", "swift.common.middleware.versioned_writes"}

// prepare writes all configuration.
func (s *Swift) prepare(o SwiftOptions) error {
	v, err := newSwiftValues(s.dir, o)
	if err != nil {
		return err
	}
	v.LogPort = s.log.port()
	python, err := swiftPython()
	if err != nil {
		return err
	}
	if s.forker, err = newForker(s.dir, python, swiftModules...); err != nil {
		return err
	}
	if v.Memcached, err = s.addMemcached(v.User); err != nil {
		return err
	}
	if o.Cluster {
		if v.Rsync, err = s.addRsync(v); err != nil {
			return err
		}
	}
	if err := s.addServers(v, o); err != nil {
		return err
	}
	if o.Cluster || o.Daemons {
		return s.addDaemons(v, o)
	}
	return nil
}

// add makes a server known, and gives it a port.
func (s *Swift) add(v swiftValues, kind, name string, port int) (*Server, error) {
	program, err := swiftProgram("swift-" + kind + "-server")
	if err != nil {
		return nil, err
	}
	config, err := v.write(name, kind+"-server", port)
	if err != nil {
		return nil, err
	}
	one := &Server{Name: name, Address: address(port), check: "/healthcheck", dir: s.dir, command: []string{program, config},
		forker: s.forker}
	s.servers = append(s.servers, one)
	return one, nil
}

func (s *Swift) addServers(v swiftValues, o SwiftOptions) error {
	replicas := 1
	if o.Cluster {
		replicas = 3
	}
	accounts, err := s.addKind(v, "account", 1, replicas)
	if err != nil {
		return err
	}
	if s.Containers, err = s.addKind(v, "container", replicas, replicas); err != nil {
		return err
	}
	if s.Objects, err = s.addKind(v, "object", replicas, replicas); err != nil {
		return err
	}
	port, err := findPort()
	if err != nil {
		return err
	}
	s.Account, s.Host = accounts[0], address(port)
	if o.Keystone != nil {
		s.AuthURL = o.Keystone.URL
		s.StorageURI = "swift://tester:testing@" + o.Keystone.Host + "/test?auth=v3&region_name=" + Region
		if err := o.Keystone.addSwift(s.Host); err != nil {
			return err
		}
	} else {
		s.AuthURL = "http://" + s.Host + "/auth/v1.0"
		s.StorageURI = "swift://tester:testing@" + s.Host + "/test?auth=v1"
	}
	s.Proxy, err = s.add(v, "proxy", "proxy", port)
	return err
}

// addKind adds the servers of a kind, and writes the ring of their devices.
func (s *Swift) addKind(v swiftValues, kind string, servers, devices int) ([]*Server, error) {
	var all []*Server
	var ports []int
	for i := range servers {
		port, err := findPort()
		if err != nil {
			return nil, err
		}
		one, err := s.add(v, kind, kind+"-"+strconv.Itoa(i), port)
		if err != nil {
			return nil, err
		}
		all, ports = append(all, one), append(ports, port)
	}
	var ring []ringDevice
	for i := range devices {
		name := kind + strconv.Itoa(i)
		port := ports[i%servers]
		if err := os.MkdirAll(filepath.Join(v.Devices, name), 0o700); err != nil {
			return nil, err
		}
		ring = append(ring, ringDevice{ID: i, Region: 1, Zone: i + 1, Weight: 1, IP: "127.0.0.1", Port: port,
			ReplicationIP: "127.0.0.1", ReplicationPort: port, Device: name})
	}
	return all, writeRing(filepath.Join(v.Etc, kind+".ring.gz"), ring)
}

func (s *Swift) addMemcached(user string) (string, error) {
	path, err := exec.LookPath("memcached")
	if err != nil {
		return "", err
	}
	port, err := findPort()
	if err != nil {
		return "", err
	}
	s.servers = append(s.servers, &Server{Name: "memcached", Address: address(port), dir: s.dir,
		command: []string{path, "-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0", "-m", "64", "-u", user}})
	return address(port), nil
}

// start starts all, which takes as long as the slowest, and the daemons without waiting for them.
func (s *Swift) start() error {
	for _, one := range s.servers {
		if err := one.launch(); err != nil {
			return err
		}
	}
	for _, one := range s.servers {
		if err := one.ready(); err != nil {
			return err
		}
	}
	for _, one := range s.daemons {
		if err := one.launch(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all processes. The data stays in the folder.
func (s *Swift) Close() {
	for _, one := range slices.Backward(s.servers) {
		one.Kill()
	}
	for _, one := range s.daemons {
		one.Kill()
	}
	if s.forker != nil {
		s.forker.close()
	}
	s.log.close()
}

// Log is the end of what the servers have logged, and said before they could log.
func (s *Swift) Log() string {
	var b strings.Builder
	b.WriteString(s.log.text())
	for _, one := range slices.Concat(s.servers, s.daemons) {
		if one.process == nil {
			continue
		}
		if text := one.process.tail(); text != "" {
			fmt.Fprintf(&b, "\n%s says:\n%s\n", one.Name, text)
		}
	}
	return b.String()
}

// A Mark is a place in the proxy's access log.
type Mark int

// Mark gives the place that the log has reached: all requests answered so far are before it.
func (s *Swift) Mark() Mark {
	s.settle()
	all, _ := s.log.since(0)
	return Mark(len(all))
}

// Requests are those that clients have sent to the proxy since the mark, in the order in which their answers ended. Those
// that the proxy has made itself, out of one for many objects, are not among them. Tests that share a Swift see each other's.
func (s *Swift) Requests(since Mark) []SwiftRequest {
	s.settle()
	all, _ := s.log.since(int(since))
	var own []SwiftRequest
	for _, r := range all {
		if r.Source == "" && !strings.HasPrefix(r.Query, markQuery) {
			own = append(own, r)
		}
	}
	return own
}

const markQuery = "marconi-mark="

// settle waits until the log has all that was answered before: a proxy of one process logs a request right after its answer,
// so what it logs of another one afterwards comes later. Without a proxy that answers there is nothing to wait for.
func (s *Swift) settle() {
	mark := markQuery + strconv.FormatInt(s.marks.Add(1), 10)
	from, _ := s.log.since(0)
	if answers("http://"+s.Host+"/info?"+mark) != nil {
		return
	}
	limit := time.After(5 * time.Second)
	for {
		all, arrived := s.log.since(len(from))
		if slices.ContainsFunc(all, func(r SwiftRequest) bool { return r.Query == mark }) {
			return
		}
		select {
		case <-arrived:
		case <-limit:
			return
		}
	}
}
