package schedule

import (
	"hash/fnv"
	"math/rand/v2"
)

// Stream gives the random numbers of one thing that a flow's client draws: the same for the same seed, flow, client and
// number, and independent of those of all others.
func Stream(seed uint64, flow string, client, number int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(flow))
	return rand.New(rand.NewPCG(mix(seed^h.Sum64()), mix(uint64(client)<<32^uint64(number)^seed)))
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): it spreads
// what differs in a few bits over all of them.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
