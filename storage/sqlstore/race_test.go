//go:build race

package sqlstore

// raceEnabled: SQLite as Go code runs some ten times slower under the race detector.
const raceEnabled = true
