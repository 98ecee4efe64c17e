# The pinned toolchain, built from Go modules into .tools/bin: nothing is downloaded but modules.
# Each tool has a module of its own below tools/, since their dependencies do not agree. Pins change there:
#   go -C tools/pulumi get -tool github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@VERSION
# tools/pulumi is the newest Pulumi CLI. An older one, whose words differ, is in a folder of its own: CLI=v3.250.0 make e2e.

TOOLS_BIN := .tools/bin
BUILD_TOOL := go run ./tools/build

# Debian packages that the benchmark compares and loads with. They are unpacked, not installed; elsewhere that section is skipped.
DEBIAN := .tools/debian

# The version that the CLI reports, from its pin; read only when the CLI is built.
PULUMI_VERSION = $(shell awk '$$1 == "github.com/pulumi/pulumi/pkg/v3" {print $$2}' tools/pulumi/go.mod)

# The language host of programs in TypeScript.
NODEJS := .tools/nodejs/pulumi-language-nodejs

# The older CLI, and a server of Azure Blob Storage.
OLDER_PULUMI := .tools/pulumi-3.250.0/pulumi
AZURITE := .tools/azurite/node_modules/.package-lock.json

# Where the Node.js SDKs go that the documentation and the examples are checked with.
EXAMPLES_SDK := .tools/examples

# A cluster of Kubernetes and what its tests need besides, in a folder of its own: it takes long to build, and only those tests want it.
KUBERNETES := .tools/kubernetes
KUBERNETES_TOOLS := $(addprefix $(KUBERNETES)/,etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok pulumi-resource-kubernetes)
KUBERNETES_VERSION = $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' tools/kubernetes/go.mod)
PROVIDER_VERSION = $(shell awk -F '"' '$$2 == "@pulumi/kubernetes" {print $$4}' tools/examples/package.json)
PROVIDER_MODULE := github.com/pulumi/pulumi-kubernetes/provider/v4

.PHONY: tools tools-test tools-backends tools-older tools-campaign tools-bench tools-lint tools-examples tools-packages tools-kubernetes
tools: $(TOOLS_BIN)/pulumi $(TOOLS_BIN)/pulumi-language-yaml $(TOOLS_BIN)/pulumi-resource-localcloud ## Build Pulumi and the example provider
tools-test: tools tools-examples $(NODEJS) $(TOOLS_BIN)/pulumi-language-loop $(TOOLS_BIN)/alertmanager $(TOOLS_BIN)/goaws ## Build what the end-to-end tests need besides
tools-backends: $(TOOLS_BIN)/versitygw $(AZURITE) ## Build the servers of the backends
tools-older: $(OLDER_PULUMI) ## Build the older Pulumi CLI
tools-campaign: tools $(TOOLS_BIN)/pulumi-language-loop $(if $(findstring s3,$(BACKEND) $(CAMPAIGN)),$(TOOLS_BIN)/versitygw) $(if $(findstring typescript,$(CAMPAIGN)),$(NODEJS) tools-examples) ## Build what the campaign needs besides
tools-bench: $(TOOLS_BIN)/vegeta $(TOOLS_BIN)/versitygw $(DEBIAN)/usr/bin/wrk ## Build and unpack what the benchmark needs besides
tools-lint: $(TOOLS_BIN)/golangci-lint ## Build the linter
tools-examples: $(EXAMPLES_SDK)/node_modules/.package-lock.json ## Install the Node.js SDKs that the examples are checked with
tools-kubernetes: $(KUBERNETES_TOOLS) ## Build a cluster of Kubernetes, and Pulumi's provider for it
tools-packages: $(TOOLS_BIN)/pulumi $(TOOLS_BIN)/goreleaser ## Build what a release is tested with

$(TOOLS_BIN)/pulumi: tools/pulumi/go.mod tools/pulumi/go.sum
	@$(BUILD_TOOL) -o $@ -ldflags '-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)' tools/pulumi tool

$(OLDER_PULUMI): tools/pulumi-3.250.0/go.mod tools/pulumi-3.250.0/go.sum
	@$(BUILD_TOOL) -o $@ -ldflags '-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.250.0' tools/pulumi-3.250.0 tool

$(TOOLS_BIN)/versitygw: tools/versitygw/go.mod tools/versitygw/go.sum
	@$(BUILD_TOOL) -o $@ tools/versitygw tool

$(AZURITE): tools/azurite/package.json tools/azurite/package-lock.json
	@mkdir -p .tools/azurite
	@cp tools/azurite/package.json tools/azurite/package-lock.json .tools/azurite
	@cd .tools/azurite && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline
	@touch $@

$(TOOLS_BIN)/pulumi-language-yaml: tools/language-yaml/go.mod tools/language-yaml/go.sum
	@$(BUILD_TOOL) -o $@ tools/language-yaml tool

$(TOOLS_BIN)/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	@$(BUILD_TOOL) -o $@ tools/golangci-lint tool

$(TOOLS_BIN)/pulumi-resource-localcloud: $(filter-out %_test.go,$(wildcard examples/provider/*.go)) examples/provider/go.mod examples/provider/go.sum
	@$(BUILD_TOOL) -o $@ examples/provider .

$(TOOLS_BIN)/pulumi-language-loop: $(filter-out %_test.go,$(wildcard e2e/loop/*.go e2e/languagehost/*.go)) go.mod go.sum
	@$(BUILD_TOOL) -o $@ . ./e2e/loop

# In a folder of its own: only the scripts that want it have it on PATH.
$(NODEJS): $(filter-out %_test.go,$(wildcard e2e/nodejs/*.go e2e/languagehost/*.go)) go.mod go.sum
	@$(BUILD_TOOL) -o $@ . ./e2e/nodejs

$(TOOLS_BIN)/alertmanager: tools/alertmanager/go.mod tools/alertmanager/go.sum
	@$(BUILD_TOOL) -o $@ tools/alertmanager tool

$(TOOLS_BIN)/goaws: $(wildcard tools/goaws/*.go) tools/goaws/go.mod tools/goaws/go.sum
	@$(BUILD_TOOL) -o $@ tools/goaws .

$(KUBERNETES)/etcd: tools/kubernetes/go.mod tools/kubernetes/go.sum
	@$(BUILD_TOOL) -o $@ tools/kubernetes go.etcd.io/etcd/server/v3

$(KUBERNETES)/kube%: tools/kubernetes/go.mod tools/kubernetes/go.sum
	@$(BUILD_TOOL) -o $@ -ldflags '-X k8s.io/component-base/version.gitVersion=$(KUBERNETES_VERSION)' tools/kubernetes k8s.io/kubernetes/cmd/$(@F)

# With the stages that the module has: what becomes of a pod and of a node, and when.
$(KUBERNETES)/kwok: tools/kwok/go.mod tools/kwok/go.sum
	@go -C tools/kwok mod download sigs.k8s.io/kwok
	@stages=$$(go -C tools/kwok list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage \
		&& install -D -m 644 -t $(KUBERNETES)/stages $$stages/pod/fast/pod-*.yaml $$stages/node/fast/*-initialize.yaml $$stages/node/heartbeat-with-lease/*-lease.yaml
	@$(BUILD_TOOL) -o $@ tools/kwok tool

# The provider's command embeds two files of its module. They are beside it only where it is built.
$(KUBERNETES)/pulumi-resource-kubernetes: $(wildcard tools/pulumi-kubernetes/*) tools/examples/package.json
	@mkdir -p $(KUBERNETES)/provider
	@go -C tools/pulumi-kubernetes mod download $(PROVIDER_MODULE)
	@module=$$(go -C tools/pulumi-kubernetes list -m -f '{{.Dir}}' $(PROVIDER_MODULE)) \
		&& for file in tools/pulumi-kubernetes/* $$module/cmd/pulumi-resource-kubernetes/*.json; do install -m 644 $$file $(KUBERNETES)/provider || exit 1; done
	@$(BUILD_TOOL) -o $@ -ldflags '-X $(PROVIDER_MODULE)/pkg/version.Version=$(PROVIDER_VERSION)' $(KUBERNETES)/provider .

$(TOOLS_BIN)/vegeta: tools/vegeta/go.mod tools/vegeta/go.sum
	@$(BUILD_TOOL) -o $@ tools/vegeta tool

$(TOOLS_BIN)/goreleaser: tools/goreleaser/go.mod tools/goreleaser/go.sum
	@$(BUILD_TOOL) -o $@ tools/goreleaser tool

$(DEBIAN)/usr/bin/wrk:
	@mkdir -p $(DEBIAN)/packages
	@cd $(DEBIAN)/packages && apt-get -qq download webhook wrk libluajit-5.1-2 libluajit-5.1-common \
		&& for p in *.deb; do dpkg-deb -x $$p ..; done \
		|| echo 'note: no Debian packages here, so the section "load" of the benchmark is skipped' >&2

$(EXAMPLES_SDK)/node_modules/.package-lock.json: tools/examples/package.json tools/examples/package-lock.json
	@mkdir -p $(EXAMPLES_SDK)
	@cp tools/examples/package.json tools/examples/package-lock.json $(EXAMPLES_SDK)
	@cd $(EXAMPLES_SDK) && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline
	@touch $@
