// Package swifttest is for tests of what stands on [objects.Client]: an account in memory with the semantics of a real Swift,
// a decorator that injects faults and counts requests, and the conformance test that both the account in memory and
// the real client pass.
package swifttest
