//go:build race

package benchtest

// raced is whether the race detector looks on, which makes a server and its generator several times slower.
const raced = true
