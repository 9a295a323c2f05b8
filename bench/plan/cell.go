package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"strconv"
)

// A Cell is what is run together: one target, version, workload and level. It is run [Time.Repeats] times.
//
// Its JSON reads back as the same cell, but for the secrets of its target.
type Cell struct {
	Plan     string   `json:"plan"`
	Target   Target   `json:"target"`
	API      string   `json:"api"` // "1", "1.1"
	Workload Workload `json:"workload"`
	Level    Level    `json:"level"`
	Load     Load     `json:"load"` // of the workload: Rates and Clients are in Level
	Time     Time     `json:"time"`
	Faults   []Fault  `json:"faults,omitempty"`
	Seed     uint64   `json:"seed"`              // of the plan: a run's own also has its repeat in it
	Sweep    bool     `json:"sweep,omitempty"`   // it is a level of a sweep
	Skipped  string   `json:"skipped,omitempty"` // why it is not run; empty: it is
}

// A Level is how hard a cell is pushed: by a rate in an open loop, by so many clients in a closed one.
type Level struct {
	Mode    Mode    `json:"mode"`
	Rate    float64 `json:"rate,omitempty"`    // operations/s of the driving flow
	Clients int     `json:"clients,omitempty"` // of the driving flow, in a closed loop
}

// String is the last part of a cell's path: rate-1000, clients-8.
func (l Level) String() string {
	if l.Mode == ClosedLoop {
		return "clients-" + strconv.Itoa(l.Clients)
	}
	return "rate-" + Rate(l.Rate).String()
}

// Path is where the cell's results are, and its name: work-queue/redis/v1.1/p1/rate-1000. It is made of words that need no
// quotes, and no two cells of a plan have the same.
func (c Cell) Path() string {
	pools := 1
	if c.Target.Start != nil {
		pools = c.Target.Start.Pools
	}
	level := c.Level.String()
	if c.Sweep {
		level = "sweep-" + level
	}
	return path.Join(c.Workload.Name, c.Target.Name, "v"+c.API, "p"+strconv.Itoa(pools), level)
}

// At is a cell of a sweep at one of its levels.
func (c Cell) At(rate Rate) Cell {
	c.Level = Level{Mode: OpenLoop, Rate: float64(rate)}
	return c
}

// Hash is equal for cells whose figures can be compared: those that do the same to servers, whichever these are and whatever
// names the plan has for it all. How often it is repeated, the seed, and what happens between runs are not in it.
func (c Cell) Hash() string {
	c.Plan, c.Target, c.API, c.Workload.Name, c.Skipped = "", Target{}, "", "", ""
	c.Seed = 0
	c.Time = Time{Warmup: c.Time.Warmup, Duration: c.Time.Duration}
	return digest(c)
}

// digest is of the JSON of what has nothing in it that JSON can't hold.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("plan: digest: " + err.Error()) // an infinite number in a literal of ours
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
