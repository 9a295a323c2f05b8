package plan

import "time"

// A preset is what every plan has that says nothing else. Workloads have more: see [Workloads].
type preset struct {
	plan     Plan
	start    Start
	api      []string
	workload Workload
	factor   float64 // of a sweep
}

// defaults are all of them, in one place.
func defaults() preset {
	return preset{
		plan: Plan{
			Load: Load{
				Mode:        OpenLoop,
				Arrivals:    Arrivals{Kind: "poisson"},
				Connections: 256,
				Timeout:     Duration(30 * time.Second),
				SLO:         SLO{P99: Duration(250 * time.Millisecond)},
			},
			Time: Time{
				Warmup:   Duration(10 * time.Second),
				Duration: Duration(60 * time.Second),
				Drain:    Duration(30 * time.Second),
				Cooldown: Duration(2 * time.Second),
				Repeats:  5,
			},
			Restart: RestartBlock,
			Seed:    1,
		},
		start: Start{Pools: 1},
		api:   Versions(),
		workload: Workload{
			CrashBy: "release",
			Messages: Messages{
				Size:         Size{a: 1 << 10},
				Batch:        1,
				TTL:          Duration(300 * time.Second),
				Compressible: 0.5,
			},
			Consuming: Consuming{
				Limit:       5,
				ClaimTTL:    Duration(300 * time.Second),
				Grace:       Duration(60 * time.Second),
				IdleWait:    Duration(50 * time.Millisecond),
				Delete:      "each",
				VerifyEvery: 10,
			},
			Space: Space{Queues: 4, Tenants: 1},
		},
		factor: 2,
	}
}

// use is the workload before its own keys are read.
func (d preset) use(row Description) Workload {
	w := d.workload
	w.Use, w.Name = row.Use, row.Use
	row.defaults(&w)
	return w
}
