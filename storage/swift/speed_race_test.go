//go:build race && unix

package swift_test

// The race detector slows this side of Swift down, and not the other, and goes beside other tests: half of a goal is enough then.
func init() { speedPart = 0.5 }
