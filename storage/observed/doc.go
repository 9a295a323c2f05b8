// Package observed is a store round a store: it counts and times each call, and refuses calls beyond a number.
//
// An [Observer] stands for both planes of a service. What each call came to goes to its [Recorder]; how much of a
// request's time the store had goes to the [Share] in the call's context. A call that was slow leaves a line in the log
// where nobody keeps a share; who does says it of the request as a whole, with the store's share in it.
//
// It adds about 200 ns to a call, and no allocation.
package observed
