// Package testservices starts real servers for tests: Redis alone, with TLS, with users, behind sentinels, as a cluster.
//
// They run in folders of their own on free ports of the loopback, and end with the test, by their process ids. When a test
// fails, the ends of their logs are in its output. Where a server is not installed, the test is skipped and says so; with
// CI=true it fails.
//
// MARCONI_TEST_REDIS_SERVER names the program to use for Redis, another version's say; without it it is redis-server on
// the path.
package testservices
