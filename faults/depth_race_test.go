//go:build race

package faults

const depthRace = true
