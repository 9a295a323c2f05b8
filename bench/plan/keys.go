package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	second = Duration(time.Second)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// What a server takes that nobody configured.
const (
	maxPost  = 256 << 10 // bytes of a post
	maxPage  = 20        // messages of a page or a claim
	minLease = minute    // a message's TTL, a claim's TTL and grace
)

// What keeps a plan from asking for more than a machine has.
const (
	maxClients     = 10_000
	maxBatch       = 1_000
	maxQueues      = 100_000
	maxPrefill     = 10_000_000
	maxConnections = 20_000
	maxRepeats     = 100
	maxEntries     = 64 // of targets, workloads, rates, faults, skips
)

// The keys of each mapping of a plan. A test holds them against the fields.

func (d *decoder) planKeys(p *Plan) []key {
	return []key{
		value("plan", name(&p.Name)),
		value("restart", word(&p.Restart, "restart", string(RestartNever), string(RestartBlock), string(RestartRun))),
		value("seed", parsed(&p.Seed, parseSeed)),
		value("max_wall", span(&p.MaxWall, 0, 30*day)),
		group("load", p.Load.keys),
		group("time", p.Time.keys),
		each("targets", func() {}, func(d *decoder, path string, n node) { p.Targets = append(p.Targets, d.target(path, n)) }),
		each("workloads", func() {}, func(d *decoder, path string, n node) {
			if w, ok := d.workload(path, n, p); ok {
				p.Workloads = append(p.Workloads, w)
			}
		}),
		varyKey(&p.Vary),
		{name: "sweep", read: func(d *decoder, path string, n node) { p.Sweep = d.sweep(path, n, p) }},
		faultsKey(&p.Faults),
		each("skip", func() {}, func(d *decoder, path string, n node) { p.Skip = append(p.Skip, d.skip(path, n)) }),
	}
}

func parseSeed(s string) (uint64, error) {
	seed, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number from 0 to 2^64-1", s)
	}
	return seed, nil
}

func (d *decoder) target(path string, n node) Target {
	t := Target{API: slices.Clone(d.preset.api)}
	d.mapping(path, n, t.keys(d))
	if n.kind != mapping {
		return t
	}
	if (t.URL == "") == (t.Start == nil) && d.has(path+".url") == d.has(path+".start") {
		d.failAt(path, "a target has either url or start")
	}
	if t.Name == "" && t.Start != nil {
		t.Name = t.Start.Backend
	}
	if t.Name == "" && !d.has(path+".name") {
		d.failAt(path, "a target at a URL needs name")
	}
	return t
}

func (t *Target) keys(d *decoder) []key {
	return []key{
		value("name", name(&t.Name)),
		value("url", d.secret("url", serverURL(&t.URL))),
		{name: "start", read: func(d *decoder, path string, n node) {
			s := d.preset.start
			d.mapping(path, n, s.keys(d))
			d.need(path, "backend")
			t.Start = &s
		}},
		list("api", func() { t.API = nil }, added(&t.API, parseVersion)),
		list("pids", func() { t.PIDs = nil }, added(&t.PIDs, parsePID)),
		group("auth", func() []key { return t.Auth.keys(d) }),
	}
}

func parsePID(s string) (int, error) {
	pid, err := strconv.Atoi(s)
	if err != nil || pid < 1 {
		return 0, fmt.Errorf("%q is no number of a process", s)
	}
	return pid, nil
}

func (s *Start) keys(d *decoder) []key {
	set := func(to *map[string]string) func(k, v string) error {
		return func(k, v string) error {
			d.conceal(k, v)
			if *to == nil {
				*to = map[string]string{}
			}
			(*to)[k] = v
			return nil
		}
	}
	return []key{
		value("backend", name(&s.Backend)),
		value("pools", whole(&s.Pools, 1, 64)),
		words("config", set(&s.Config)),
		words("settings", set(&s.Backed)),
	}
}

func (a *Auth) keys(d *decoder) []key {
	return []key{
		value("token", d.secret("token", bearer(&a.Token))),
		value("token_file", text(&a.TokenFile)),
	}
}

// workload reads one; the table of workloads fills in what it doesn't say.
func (d *decoder) workload(path string, n node, p *Plan) (Workload, bool) {
	if !d.isMapping(path, n) {
		return Workload{}, false
	}
	row, ok := d.row(path, n)
	if !ok {
		return Workload{}, false
	}
	w := d.preset.use(row)
	d.mapping(path, n, w.keys(p))
	return w, true
}

func (d *decoder) row(path string, n node) (Description, bool) {
	i := slices.IndexFunc(n.pairs, func(p pair) bool { return p.key == "use" })
	if i < 0 {
		d.failAt(path, "a workload needs use: the workload's name")
		return Description{}, false
	}
	use := n.pairs[i].val
	row, ok := workload(use.text)
	if !ok {
		var known []string
		for _, r := range Workloads() {
			known = append(known, r.Use)
		}
		d.failIf(use.pos, unknownWord(use.text, "workload", known...))
	}
	return row, ok
}

func (w *Workload) keys(p *Plan) []key {
	keys := []key{
		value("use", func(string) error { return nil }), // that was read first
		value("name", name(&w.Name)),
	}
	keys = append(keys, w.counts()...)
	return append(keys,
		value("crash", share(&w.Crash)),
		value("crash_by", word(&w.CrashBy, "crash_by", "release", "expiry")),
		group("messages", w.Messages.keys),
		group("consuming", w.Consuming.keys),
		group("space", w.Space.keys),
		key{name: "load", read: func(d *decoder, path string, n node) { w.Load = d.loadOf(path, n, p.Load) }},
		key{name: "time", read: func(d *decoder, path string, n node) {
			own := p.Time
			d.mapping(path, n, own.keys())
			w.Time = &own
		}},
		faultsKey(&w.Faults),
		varyKey(&w.Vary),
	)
}

// counts are the keys of the roles. Those that the workload doesn't have stay 0.
func (w *Workload) counts() []key {
	has := w.Describe().Roles
	var keys []key
	for _, r := range roles() {
		set := whole(w.count(r), 0, maxClients)
		if !slices.Contains(has, r) {
			use := w.Use
			set = func(s string) error {
				if s != "0" {
					return fmt.Errorf("%s has no %s: it has %s", use, r, strings.Join(asText(has, func(r Role) string { return string(r) }), ", "))
				}
				return nil
			}
		}
		keys = append(keys, value(string(r), set))
	}
	return keys
}

// loadOf is a workload's own load: what it doesn't say is the plan's, but for the levels of the other mode.
func (d *decoder) loadOf(path string, n node, of Load) *Load {
	own := of
	own.Rates, own.Clients = slices.Clone(of.Rates), slices.Clone(of.Clients)
	d.mapping(path, n, own.keys())
	if own.Mode == ClosedLoop && !d.has(path+".rates") {
		own.Rates = nil
	}
	if own.Mode == OpenLoop && !d.has(path+".clients") {
		own.Clients = nil
	}
	return &own
}

func (m *Messages) keys() []key {
	return []key{
		value("size", parsed(&m.Size, func(text string) (Size, error) {
			s, err := ParseSize(text)
			if err != nil {
				return Size{}, err
			}
			return s, s.load()
		})),
		value("batch", whole(&m.Batch, 1, maxBatch)),
		value("ttl", seconds(&m.TTL, minLease, 14*day)),
		value("compressible", share(&m.Compressible)),
	}
}

func (c *Consuming) keys() []key {
	return []key{
		value("limit", whole(&c.Limit, 1, maxPage)),
		value("claim_ttl", seconds(&c.ClaimTTL, minLease, 12*hour)),
		value("grace", seconds(&c.Grace, minLease, 12*hour)),
		value("process", parsed(&c.Process, ParseDistribution)),
		value("idle_wait", span(&c.IdleWait, Duration(time.Millisecond), minute)),
		value("delete", word(&c.Delete, "delete", "each", "bulk")),
		value("verify_every", whole(&c.VerifyEvery, 1, 1_000_000)),
	}
}

func (s *Space) keys() []key {
	return []key{
		value("queues", whole(&s.Queues, 1, maxQueues)),
		value("tenants", whole(&s.Tenants, 1, maxQueues)),
		value("queue_choice", parsed(&s.QueueChoice, ParseQueueChoice)),
		value("prefill", whole(&s.Prefill, 0, maxPrefill)),
	}
}

func (l *Load) keys() []key {
	return []key{
		value("mode", word(&l.Mode, "mode", string(OpenLoop), string(ClosedLoop))),
		list("rates", func() { l.Rates = nil }, added(&l.Rates, ParseRate)),
		list("clients", func() { l.Clients = nil }, added(&l.Clients, parseClients)),
		value("arrivals", parsed(&l.Arrivals, func(text string) (Arrivals, error) {
			a, err := ParseArrivals(text)
			if err != nil {
				return Arrivals{}, err
			}
			return a, a.load()
		})),
		value("ramp", span(&l.Ramp, 0, hour)),
		value("connections", whole(&l.Connections, 1, maxConnections)),
		value("timeout", span(&l.Timeout, Duration(time.Millisecond), 10*minute)),
		value("max_in_flight", whole(&l.MaxInFlight, 0, maxConnections)),
		group("slo", l.SLO.keys),
	}
}

func parseClients(s string) (n int, err error) {
	err = whole(&n, 1, maxClients)(s)
	return n, err
}

func (s *SLO) keys() []key {
	return []key{value("p99", span(&s.P99, Duration(time.Microsecond), 2*minute))}
}

func (t *Time) keys() []key {
	return []key{
		value("warmup", span(&t.Warmup, 0, hour)),
		value("duration", span(&t.Duration, Duration(50*time.Millisecond), 7*day)),
		value("drain", span(&t.Drain, 0, hour)),
		value("cooldown", span(&t.Cooldown, 0, hour)),
		value("repeats", whole(&t.Repeats, 1, maxRepeats)),
	}
}

// sweep takes how long and how often from the plan's fixed levels.
func (d *decoder) sweep(path string, n node, p *Plan) *Sweep {
	s := &Sweep{Duration: p.Time.Duration, Repeats: p.Time.Repeats}
	d.mapping(path, n, s.keys())
	if s.Step == 0 && s.Factor == 0 {
		s.Factor = d.preset.factor
	}
	return s
}

func (s *Sweep) keys() []key {
	return []key{
		value("low", parsed(&s.Low, ParseRate)),
		value("high", parsed(&s.High, ParseRate)),
		value("step", parsed(&s.Step, ParseRate)),
		value("factor", func(text string) error {
			x, err := parseNumber(text)
			if err != nil || x < 1.05 || x > 100 {
				return fmt.Errorf("%q is no factor from 1.05 to 100", text)
			}
			s.Factor = x
			return nil
		}),
		value("duration", span(&s.Duration, Duration(50*time.Millisecond), hour)),
		value("repeats", whole(&s.Repeats, 1, maxRepeats)),
		list("only", func() { s.Only = nil }, added(&s.Only, parseText)),
		list("targets", func() { s.Targets = nil }, added(&s.Targets, parseText)),
		list("api", func() { s.API = nil }, added(&s.API, parseVersion)),
	}
}

func parseText(s string) (string, error) { return s, nil }

func faultsKey(to *[]Fault) key {
	return each("faults", func() { *to = []Fault{} }, func(d *decoder, path string, n node) {
		f := Fault{To: "server"}
		d.mapping(path, n, f.keys())
		if n.kind == mapping {
			d.need(path, "at", "do")
		}
		*to = append(*to, f)
	})
}

func (f *Fault) keys() []key {
	return []key{
		value("at", span(&f.At, 0, 7*day)),
		value("do", word(&f.Do, "fault", "kill", "pause", "restart")),
		value("to", word(&f.To, "process", "server", "backend")),
		value("for", span(&f.For, 0, hour)),
	}
}

func (d *decoder) skip(path string, n node) Skip {
	var s Skip
	d.mapping(path, n, s.keys())
	if n.kind == mapping {
		d.need(path, "because")
	}
	return s
}

func (s *Skip) keys() []key {
	return []key{
		value("target", text(&s.Target)),
		value("workload", text(&s.Workload)),
		value("api", parsed(&s.API, parseVersion)),
		value("because", text(&s.Because)),
	}
}
