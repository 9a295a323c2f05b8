# `make` alone prints the targets.
GO       ?= go
FUZZTIME ?= 20s

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## start the server on the embedded store
	$(GO) run ./cmd/marconi-server

.PHONY: test
test: ## install what the tests need (root on Debian), or name what they skip, and run them
	@scripts/install-test-services
	@scripts/test

.PHONY: race
race: ## the tests under the race detector (needs a C compiler)
	@scripts/test -race

.PHONY: test-versions
test-versions: ## the tests of the drivers against Redis 6.0 and 8.0, Valkey 8.1, Swift 2.26 and 2.35 (apt, no root)
	@scripts/test-versions

.PHONY: lint
lint: ## gofmt, vet, staticcheck, golangci-lint, govulncheck, where they can be had
	@scripts/lint

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

.PHONY: depth
depth: ## without the race detector, which hides costs and takes long: deep queues and mass endings, up to 100 000 messages; Swift's goals; reports, sweeps
	$(GO) test -v -count=1 -timeout 5m -run '^(TestDepth|TestMass)$$' ./faults
	$(GO) test -v -count=1 -timeout 5m -run '^TestFasterThanUpstream$$' ./storage/swift
	$(GO) test -count=1 -timeout 8m -p 1 ./bench/schedule ./bench/flow ./bench/report ./bench/experiment

.PHONY: soak
soak: ## the long tests in full: kills, full disks, floods, depth, every index, speed, the load suite; on a machine that does nothing else
	MARCONI_TEST_SOAK=1 $(GO) test -v -count=1 -timeout 2h -p 1 ./faults ./storage/redis ./storage/swift/... ./ledger/... ./bench/...

.PHONY: bench
bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: golden
golden: ## write golden files and generated pages anew
	$(GO) test ./config ./transport/... -update
