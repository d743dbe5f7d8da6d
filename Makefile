# Formstream. `make` alone lists the targets. Go and make are all that most of
# them need; what else a target needs it says.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-print-directory

# Read anew by each target that needs it: `make help` works without Go. A loop
# over no module at all would pass, so an empty list is an error.
MODULES = $(or $(shell go list -m -f '{{.Dir}}'),$(error go list -m found no module; is Go installed and go.work in order?))

# The race detector needs a C compiler. Without one the tests still run, and say so.
RACE = $(shell command -v "$$(go env CC)" >/dev/null && echo -race)

TEST_FLAGS   ?=
TEST_TIMEOUT ?= 15m
BENCH        ?= .
FUZZTIME     ?= 10s
SCHEDULES    ?= 20000
SEED         ?= 1
RUN_FLAGS    ?=
DEPLOY_FLAGS ?=
SUITE_FLAGS  ?=
BURST_FLAGS  ?=
INTAKE_FLAGS ?=

LINTER := bin/golangci-lint

.PHONY: help
help: ## List the targets
	@echo 'Usage: make TARGET [NAME=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ## Start everything in one process, without any server installed (RUN_FLAGS='-http 127.0.0.1:8080')
	go run ./services/standalone $(RUN_FLAGS)

.PHONY: suite
suite: ## Start every service as processes of its own on a real Kafka and Redis; Ctrl-C ends it (SUITE_FLAGS='-brokers 3')
	@mkdir -p bin
	go build -o bin/ ./pkgtest/runsuite
	@exec bin/runsuite $(SUITE_FLAGS)

.PHONY: test
test: ## Run the tests of every module (TEST_FLAGS='-run TestLoad'); CI=true makes a missing server a failure
	@if [ -z '$(RACE)' ]; then \
		echo 'No C compiler ($(shell go env CC)): the tests run without the race detector.'; \
		if [ "$${CI:-}" = true ]; then exit 1; fi; \
	fi
	@report=$$(mktemp); trap 'rm -f "$$report"' EXIT; status=0; \
	echo 'go test $(RACE) -shuffle=on -vet=off -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) work'; \
	FORMSTREAM_TEST_REPORT=$$report go run ./pkgtest/withkafka go test $(RACE) -shuffle=on -vet=off -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) work || status=$$?; \
	cat "$$report"; exit $$status # what tests report, which go test hides when they pass

.PHONY: lint
lint: $(LINTER) ## Check format, go vet, and the rules of .golangci.yml
	@unformatted=$$(gofmt -l $(patsubst $(CURDIR)/%,%,$(MODULES))); \
	if [ -n "$$unformatted" ]; then echo "Not in gofmt's format:"; echo "$$unformatted"; exit 1; fi
	$(LINTER) run $(patsubst $(CURDIR)/%,./%/...,$(MODULES))

# A module of its own, outside of the workspace: see docs/adr/0003.
$(LINTER): tools/go.mod tools/go.sum
	cd tools && GOWORK=off go build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# What deploys is held against the services; see docs/adr/0015. Go would take results from its cache although a file outside
# of the module has changed, hence -count=1.
.PHONY: deploy-check
deploy-check: build bin/helm bin/kubeconform bin/kubernetes-schemas $(LINTER) ## Check compose file, Dockerfile and Helm chart (DEPLOY_FLAGS=-all-images)
	cd deploy && GOWORK=off ../$(LINTER) run ./...
	cd deploy && GOWORK=off go test -count=1 -vet=off ./kubeschema
	cd deploy && GOWORK=off go test -count=1 -vet=off . $(DEPLOY_FLAGS)

# Helm's releases are built with the Kubernetes version that their library has; without it they take charts to be meant for 1.20.
HELM_LDFLAGS := -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34 \
	-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=34

bin/helm: deploy/tools/go.mod deploy/tools/go.sum
	cd deploy/tools && GOWORK=off go build -ldflags '-s -w $(HELM_LDFLAGS)' -o ../../$@ helm.sh/helm/v3/cmd/helm

bin/kubeconform: deploy/tools/go.mod deploy/tools/go.sum
	cd deploy/tools && GOWORK=off go build -o ../../$@ github.com/yannh/kubeconform/cmd/kubeconform

bin/kubernetes-schemas: $(wildcard deploy/kubeschema/*.go)
	cd deploy && GOWORK=off go run ./kubeschema -out ../$@
	@touch $@

.PHONY: build
build: ## Build every module alone (GOWORK=off); commands go to bin/
	@mkdir -p bin
	@for dir in $(MODULES); do \
		echo "build $${dir#$(CURDIR)/}"; \
		out=$$(cd "$$dir" && GOWORK=off go list -f '{{if eq .Name "main"}}-o=$(CURDIR)/bin/{{end}}' ./... | sort -u | head -n 1); \
		(cd "$$dir" && GOWORK=off go build $$out ./...); \
	done

.PHONY: tidy
tidy: ## Bring every go.mod in step with its imports
	@for dir in $(MODULES); do \
		echo "tidy $${dir#$(CURDIR)/}"; \
		(cd "$$dir" && GOWORK=off go mod tidy -e); \
	done

.PHONY: bench
bench: ## Run the benchmarks, with allocations (BENCH=Validate)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -vet=off $(TEST_FLAGS) work

.PHONY: burst
burst: ## 1000 users at once against the suite, beside the barest servers; minutes (BURST_FLAGS='-rounds 3')
	scripts/burst.sh $(BURST_FLAGS)

.PHONY: bench-intake
bench-intake: ## What a submission costs form-api beside the barest servers; 4 minutes (INTAKE_FLAGS='-rounds 1')
	@mkdir -p bin
	@go build -o bin/ ./services/form-api ./loadtest ./loadtest/baseline
	@exec bin/loadtest intake $(INTAKE_FLAGS)

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZTIME, 10s if not given
	scripts/fuzz.sh '$(FUZZTIME)'

.PHONY: simulate
simulate: ## Try random schedules of crashes against the exactly-once rules (SCHEDULES=20000 SEED=1)
	go run ./loadtest/simulate -schedules $(SCHEDULES) -seed $(SEED)

.PHONY: screenshot
screenshot: ## Take the pictures in docs/images: the emulator's grid, a form's page; needs Chromium, npm
	scripts/screenshot.sh

.PHONY: deps
deps: ## Install what some tests run for real: Kafka, Redis with Sentinel, Chromium (Debian, Ubuntu)
	scripts/install-test-deps.sh

.PHONY: clean
clean: ## Remove bin/
	rm -rf bin
