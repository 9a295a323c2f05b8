//go:build race

package benchtest

// Raced is whether the race detector looks on, which makes a server and its generator several times slower.
const Raced = true
