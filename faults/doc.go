// Package faults holds the tests of the whole server, in a process of its own, under what hurts: it is killed, its disk is
// full, its callers are slow, many or hostile, its queues deep. They have no code of their own to test, so that there is nothing
// in this package but tests and this page.
//
// `go test ./faults` runs each in a short form; `make soak` (MARCONI_TEST_SOAK=1) in full.
package faults
