// Package testservices starts real servers for tests: Redis alone, with TLS, with users, behind sentinels, as a cluster;
// OpenStack's Swift alone or with three replicas of all, and its Keystone.
//
// They run in folders of their own on free ports of the loopback, and end with the test, by their process ids. When a test
// fails, the ends of their logs are in its output. Where a server is not installed, the test is skipped and says so; with
// CI=true it fails. A Swift takes seconds to start, a Keystone more: [RunSwift] and [RunKeystone] start one for all tests of
// a package.
//
// MARCONI_TEST_REDIS_SERVER names the program to use for Redis, another version's say; without it it is redis-server on
// the path. MARCONI_TEST_SWIFT names a folder with another Swift: its programs in usr/bin, and run, which is the Python for
// them. Whatever the version, Swift reads /etc/swift/swift.conf, so there has to be one.
package testservices
