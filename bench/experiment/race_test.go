//go:build race

package experiment

// raced is whether the race detector looks on, which makes a server and its generator several times slower.
const raced = true
