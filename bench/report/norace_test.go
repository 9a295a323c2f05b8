//go:build !race

package report

// raced is whether the race detector looks on, which makes the making of charts ten times slower.
const raced = false
