# `make` lists the targets. Nothing but Go, git and make is needed; nothing but Go modules is downloaded.

.DEFAULT_GOAL := help

BIN := bin
# The version that the binaries report: the release's tag, and how far the commit is past it.
VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo v0.0.0-g$$(git describe --always --dirty 2>/dev/null || echo unknown))

# Modules with code of ours; the others below tools/ only pin a tool. tools/pulumi-kubernetes has one file, which only builds beside files of its module.
MODULES := . examples/provider tools/goaws
# All packages but the tests of the real engine, and those of the documentation and the examples.
UNIT = $(shell go list ./... | grep -v '/e2e\(/docs\)\?$$')

# The race detector needs a C compiler on most systems.
RACE := $(shell test "$$(go env CGO_ENABLED)" = 1 && command -v $$(go env CC | cut -d' ' -f1) >/dev/null && echo -race)

# The scripts whose outcome depends on what the Pulumi CLI says.
OLDER := backend|cloud|cloud-credentials|cloud-outage|crash|doctor|kill|lock|masked|pending|protected|recovery|selected|setup|target|usage

# More flags for `go test`, such as -v.
TESTFLAGS ?=
# How many inputs each fuzz target gets: Go's -fuzztime.
FUZZTIME ?= 500000x
# How often the benchmark measures everything, and which of its sections; none: all.
N ?= 10
ONLY ?=
# The soak's events per second.
RATE ?= 50
# How long the soak (default: 30m) and the campaign (default: until all rounds are done) take at most.
TIME ?=
# More flags for the hostile battery, such as -only 'tokens/'.
HOSTILE ?=
# Where the campaigns' choices come from (empty: the default seed), where the state is (empty: in a folder), and more of
# their flags.
SEED ?=
BACKEND ?=
CAMPAIGN ?=
REPLICAS ?=

include tools.mk

# The numbers of stacks that the simulation serves.
STACKS ?= 10,100,1000

.PHONY: help demo build test unit e2e e2e-backends e2e-older e2e-kubernetes examples packages lint docs fuzz bench soak simulate hostile campaign replicas clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Scale the example on this machine: builds what it needs, deploys to a folder, shows every command
	@MAKE='$(MAKE)' tools/demo

build: ## Build bin/pulumiscale, and the same program as Pulumi's tool plugin
	@$(BUILD_TOOL) -o $(BIN)/pulumiscale -ldflags '-X main.version=$(VERSION)' . .
	@cp -f $(BIN)/pulumiscale $(BIN)/pulumi-tool-pulumiscale

test: unit examples e2e ## The tests: the units with the race detector, the documentation and the examples, then the real engine

unit: ## The tests that need no engine
ifeq ($(RACE),)
	@echo 'note: no C compiler was found, so the tests run without the race detector' >&2
	@test -z "$$CI"
endif
	go test $(RACE) -timeout 20m $(TESTFLAGS) $(UNIT)
	HEAD_START=false go test $(TESTFLAGS) ./scale/queue -skip HeadStart
	go -C examples/provider test $(RACE) $(TESTFLAGS) ./...

e2e: tools-test $(if $(BACKEND),tools-backends) $(if $(CLI),tools-older) build ## The end-to-end tests, on the real engine; BACKEND=s3: those of one backend; CLI=v3.250.0: on that one
	BACKEND=$(or $(BACKEND),file) go test -count=1 -timeout 60m $(TESTFLAGS) ./e2e

e2e-backends: tools-test tools-backends build ## The end-to-end tests of backends on S3, PostgreSQL and Azure Blob Storage, each a real server
	BACKEND='s3 postgres azblob' go test -count=1 -timeout 60m $(TESTFLAGS) ./e2e -run 'TestBackends$$'

e2e-older: tools-test tools-older build ## The end-to-end tests that depend on the words of the Pulumi CLI, on an older one
	CLI=v3.250.0 BACKEND= go test -count=1 -timeout 30m $(TESTFLAGS) ./e2e -run 'TestScripts/($(OLDER))$$'

e2e-kubernetes: tools-test tools-kubernetes build ## The end-to-end tests on a cluster of Kubernetes, which takes long to build
	KUBERNETES=true CLI= BACKEND= go test -count=1 -timeout 30m $(TESTFLAGS) ./e2e -run 'TestKubernetes$$'

examples: tools-examples ## Check the examples, and the blocks of code in the documentation
	EXAMPLES_SDK='$(abspath $(EXAMPLES_SDK))' go test -count=1 $(TESTFLAGS) ./e2e/docs

packages: tools-packages ## Build what a release holds, for this platform and without the network, and test it
	GORELEASER='$(abspath $(TOOLS_BIN))/goreleaser' go test -count=1 -timeout 20m $(TESTFLAGS) ./e2e/packaging

lint: tools-lint ## Formatting, the linters with the import map, and tidy modules
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo 'these files need gofmt' >&2; exit 1; }
	@for module in $(MODULES); do \
		echo "lint $$module"; \
		(cd $$module && "$(CURDIR)/$(TOOLS_BIN)/golangci-lint" run --config "$(CURDIR)/.golangci.yml" && go mod tidy -diff) || exit 1; \
	done

docs: ## Write docs/reference.md afresh from the commands
	go test ./cmd -run TestReferenceIsFresh -update

fuzz: ## Run each fuzz target with FUZZTIME inputs, such as 500000x
	@tools/fuzz $(FUZZTIME)

bench: tools tools-bench build ## Measure what PulumiScale costs beside other ways, N times each: docs/performance.md
	go run ./e2e/bench -n $(N) -only '$(ONLY)'

soak: tools build ## Send a server mixed events, RATE per second for TIME, and see that it keeps its promises; SOAK='-metrics 50': metrics instead
	go run ./e2e/soak -rate $(RATE) -time $(or $(TIME),30m) $(SOAK)

simulate: ## Serve up to thousands of stacks with a stand-in for the engine, by one server and by three, and print what they cost; STACKS=10,100
	go test ./cmd -count=1 -run TestSimulate -v -timeout 60m -simulate '$(STACKS)' -simulate-replicas '$(STACKS)' -simulate-time 10s

hostile: tools build ## Send a server what means harm, and take its disk, descriptors and time away; HOSTILE='-only smuggling/'
	@mkdir -p $(BIN)/hostile
	@go build $(RACE) -o $(BIN)/hostile/pulumiscale .
	@go build -o $(BIN)/hostile/hostile ./e2e/hostile
	@$(BIN)/hostile/hostile -program $(BIN)/hostile $(HOSTILE)

campaign: tools-campaign ## Break things at random moments and check what must hold; BACKEND=s3 or postgres; SEED=7 TIME=10m CAMPAIGN='-round kill:1f'
	@mkdir -p $(BIN)/campaign
	@go build -o $(BIN)/campaign/campaign ./e2e/campaign
	@$(BIN)/campaign/campaign $(if $(SEED),-seed $(SEED)) $(if $(BACKEND),-backend $(BACKEND)) -time $(or $(TIME),0) $(CAMPAIGN)

replicas: tools build ## Kill, stop, cut off and wipe three replicas under load, and check what must hold; REPLICAS='-rounds 20 -only stop'
	@mkdir -p $(BIN)/replicas
	@go build -o $(BIN)/replicas/replicas ./e2e/replicas
	@$(BIN)/replicas/replicas $(if $(SEED),-seed $(SEED)) $(if $(BACKEND),-backend $(BACKEND)) -time $(or $(TIME),0) $(REPLICAS)

clean: ## Remove what was built and the demo; the pinned tools stay
	rm -rf $(BIN) dist demo
