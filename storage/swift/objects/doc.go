// Package objects speaks with one account of OpenStack Swift: containers, objects, listings, bulk requests.
//
// It knows nothing of queues. What Swift answers becomes an error that says what is known afterwards: whether the thing is
// there, is not there, or nobody can say. Nothing is repeated here but requests that Swift did not carry out for want of a
// valid token (401), once, and by net/http what may be done twice, on a new connection if the kept one was closed at that
// moment: not what [Anew], [Once] or [Client.PutMany] stores. Whoever calls knows what else may be repeated.
//
// [Client] is what the rest of the driver works on, [Account] its implementation; swifttest has another one, in memory.
package objects
