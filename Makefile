# Everything that a clone needs to be built, checked and released. Wants Go, git and make; `make test` installs the
# rest (as root on Debian) and says what.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PKG ?= ./...
RUN ?= .
TIMEOUT ?= 25m
# The race detector looks at everything but SQLite, which was translated from C and takes three times as long under it.
RACE := -race -gcflags='modernc.org/sqlite/lib=-race=false'
FUZZTIME ?= 10s
ROUNDS ?= 200
SEED ?= 0

SERVICES := .cache/bin/services
LINTER := CGO_ENABLED=0 go tool -modfile=.ci/tools/go.mod golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build run test test-one bench bench-large chaos fuzz lint fmt generate changelog clean $(SERVICES)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binary build/packhouse
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o build/packhouse ./cmd/packhouse

run: build ## build and start a server that keeps everything in its data folder
	build/packhouse serve

test: $(SERVICES) ## run all tests with the race detector, beside PostgreSQL, Redis, an S3 server and an LDAP directory
	$(SERVICES) env CGO_ENABLED=1 go test $(RACE) -timeout $(TIMEOUT) ./...

test-one: $(SERVICES) ## run some tests: make test-one PKG=./core/db RUN=TestOpen
	$(SERVICES) env CGO_ENABLED=1 go test $(RACE) -timeout $(TIMEOUT) -count=1 -v -run '$(RUN)' $(PKG)

bench: $(SERVICES) build ## measure the server over HTTP, an hour or so: make bench BENCH="-quick -only tasks"
	PACKHOUSE_TEST_DURABLE=1 $(SERVICES) go run ./cmd/bench $(BENCH)

bench-large: $(SERVICES) build ## look-ups among ten million paths, half an hour and 20 GB of disk
	PACKHOUSE_TEST_DURABLE=1 $(SERVICES) go run ./cmd/bench -only lookup -units 10000000 $(BENCH)

chaos: $(SERVICES) ## kill, stop and freeze everything that tasks need, and check what they did: make chaos ROUNDS=200 SEED=7
	$(SERVICES) go run ./cmd/chaos -rounds $(ROUNDS) -seed $(SEED)

fuzz: $(SERVICES) ## run each fuzz target for a while: make fuzz FUZZTIME=1m
	$(SERVICES) bash .ci/fuzz $(FUZZTIME)

lint: ## check the source: format, faults that tools know, the rules of the architecture
	$(LINTER) run ./...
	CGO_ENABLED=0 go test ./core ./changes

fmt: ## format the source
	$(LINTER) fmt

generate: ## make generated source anew
	go generate ./...

changelog: ## join the fragments of changes/ into CHANGES.md: make changelog VERSION=0.2.0
	@test "$(origin VERSION)" = "command line" || { echo "say which: make changelog VERSION=0.2.0" >&2; exit 2; }
	go run ./changes "$(VERSION)"

clean: ## remove what was built, tools too
	rm -rf build .cache

# Always asked for: the go command knows best whether anything changed.
$(SERVICES):
	@CGO_ENABLED=0 go build -o $@ ./core/testkit/services
