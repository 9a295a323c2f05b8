package lying

import (
	"fmt"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// A Deceit is a lie with a load that gives occasion for it, and what the ledger has to make of it.
type Deceit struct {
	Lie   Lie
	Class ledger.Class // of as many faults as there are lies
	Every int
	Most  int

	Workload string // as a plan has it
	Rate     int    // operations a second
	Length   time.Duration
}

// Options are what the server needs for it.
func (d Deceit) Options() Options { return Options{Lie: d.Lie, Every: d.Every, Most: d.Most} }

// Plan is a plan of its load, put on the server at url in a version of the API.
func (d Deceit) Plan(url, api string) []byte {
	return fmt.Appendf(nil, `plan: lies
targets: [{name: liar, url: %q, api: [%s]}]
workloads: [%s]
load: {rates: [%d], arrivals: even, connections: 64}
time: {warmup: 0s, duration: %s, drain: 20s, cooldown: 0s, repeats: 1}
`, url, api, d.Workload, d.Rate, d.Length)
}

// The loads. Work is several workers to a queue, who claim several messages. Events come in posts of three messages, several
// on a page. Calls are answered in their own queue. Shared is events that are read when it is somebody's turn. Watched is work that auditors can see before it is done.
const (
	Work    = "{use: work-queue, producers: 4, workers: 6, space: {queues: 2}, messages: {batch: 3}}"
	Singles = "{use: work-queue, producers: 4, workers: 6, space: {queues: 2}}"
	Events  = "{use: pub-sub, producers: 4, observers: 3, space: {queues: 2, tenants: 2}, messages: {batch: 3, size: 300B, ttl: 60s}, consuming: {limit: 20}}"
	Calls   = "{use: request-reply, callers: 2, space: {queues: 1}, consuming: {limit: 20}}"
	Shared  = "{use: mixed, producers: 4, workers: 0, observers: 3, auditors: 1, monitors: 1, space: {queues: 1}, consuming: {limit: 20}}"
	Watched = "{use: audit, producers: 1, workers: 6, auditors: 1, space: {queues: 1}, consuming: {limit: 2, process: 20ms, idle_wait: 5ms}}"
)

// Deceits are all that a load can find out in seconds. [Outlive] takes a minute, or a clock that leaps.
func Deceits() []Deceit {
	return []Deceit{
		{Lie: Drop, Class: ledger.Lost, Every: 20, Workload: Work, Rate: 200, Length: time.Second},
		{Lie: KeepRefused, Class: ledger.Phantom, Every: 20, Workload: Singles, Rate: 200, Length: time.Second},
		{Lie: KeepFailed, Class: ledger.Phantom, Every: 20, Workload: Singles, Rate: 200, Length: time.Second},
		{Lie: Damage, Class: ledger.Corrupt, Every: 20, Workload: Work, Rate: 200, Length: time.Second},
		{Lie: Swap, Class: ledger.Reordered, Every: 20, Workload: Events, Rate: 200, Length: time.Second},
		{Lie: ShowTwice, Class: ledger.Duplicated, Every: 5, Workload: Events, Rate: 200, Length: time.Second},
		{Lie: Tear, Class: ledger.Torn, Every: 5, Workload: Events, Rate: 200, Length: time.Second},
		{Lie: ShowForeign, Class: ledger.Corrupt, Every: 5, Workload: Events, Rate: 200, Length: time.Second},
		{Lie: Withhold, Class: ledger.Missed, Workload: Events, Rate: 40, Length: time.Second},
		{Lie: Withhold, Class: ledger.Missed, Workload: Calls, Rate: 40, Length: time.Second},
		{Lie: Withhold, Class: ledger.Missed, Workload: Shared, Rate: 100, Length: time.Second},
		{Lie: ClaimTwice, Class: ledger.Overlapped, Every: 5, Most: 10, Workload: Work, Rate: 200, Length: time.Second},
		{Lie: HandTwice, Class: ledger.Duplicated, Every: 20, Most: 10, Workload: Work, Rate: 200, Length: time.Second},
		{Lie: Revive, Class: ledger.Resurrected, Every: 20, Workload: Work, Rate: 200, Length: time.Second},
		{Lie: SkipClaimed, Class: ledger.Missed, Most: 5, Workload: Watched, Rate: 5, Length: 6 * time.Second},
	}
}
