// Package bench is the load suite: workloads as message flows at a rate that a slow server cannot slow down, each message
// followed from its post to its delete.
//
// It has no code of its own; each of its packages is one step of a run:
//
//	plan        a YAML file → targets × workloads × load levels: the cells
//	schedule    when each operation is to be sent, and what wakes for it
//	target      the server under test: found, or started as a process of its own with its backend
//	wire        carries requests to it, for as little CPU as can be
//	flow        what producers, workers, observers and auditors do, told to the ledger
//	measure     histograms, counters by the second, processes; and whether the generator itself was fit
//	experiment  all runs of a plan, in interleaved blocks; sweeps; faults; what was cut short goes on
//	stats       intervals and tests of what repeats
//	result      the folder that a plan leaves: run.json and its schema, CSV, histograms
//	report      charts, report.html and report.md, made from that folder alone
//	screen      the terminal while it runs
package bench
