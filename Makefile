# Needs Rust, Python 3 and Node (20 or newer). Everything else comes pinned into .tools/, except Debian's Chromium,
# Redis and Prometheus (`make chromium redis prometheus`).
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Everything here is quick to start or wants both cores for itself.
.NOTPARALLEL:

TARGET := $(or $(CARGO_TARGET_DIR),target)
# What test runs print, for the summary of the catalogue.
RESULTS := $(TARGET)/results
ENVOY := .tools/venv/bin/envoy
NPM := .tools/node/.installed
DENY := .tools/deny/bin/cargo-deny
GHZ := .tools/go/bin/ghz
# helm, kubectl (for kustomize) and Kubernetes' schemas; the packages that check with them.
CHARTS := .tools/charts/.installed
HELM := .tools/charts/bin/helm
KUBECTL := .tools/charts/bin/kubectl
# What measures; a plain `cargo build` leaves it out.
BENCHES := --package portcullis-counts --package portcullis-inputs --package portcullis-load --package portcullis-load-envoy
CONFIGURATIONS := deploy/envoy/envoy.yaml deploy/envoy/envoy-unix.yaml deploy/envoy/rate-limit.yaml deploy/demo/envoy.yaml

# The binary that the demo and its check run.
export PORTCULLIS_BIN ?= $(TARGET)/debug/portcullis

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- run -------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: tools build ## Start the whole demo on loopback (PORTCULLIS_DEMO_PORT moves it); Ctrl-C stops it
	@exec node deploy/demo/run.mjs

.PHONY: build
build: ## Build the service
	cargo build --locked

# --- check -----------------------------------------------------------------------------------------------------------

.PHONY: test
test: tools chromium redis lint deny unit crds-check charts differential fuzz soak-short validate gateway gateways replicas observability catalogue demo-check bench-check ## Everything: format, lints, docs, unit, gRPC and end-to-end tests

.PHONY: lint
lint: ## Format, lints and docs, without changing anything
	cargo fmt --check
	cargo fmt --check $(BENCHES) --package portcullis-crds
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test soak -- -D warnings
	cargo clippy --locked $(BENCHES) --package portcullis-crds --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked

.PHONY: deny
deny: $(DENY) ## What the dependencies may be: bans, licences, sources; advisories where their database can be reached
	$(DENY) --log-level error check bans licenses sources
	@if timeout 60 $(DENY) --log-level off fetch db >/dev/null 2>&1; then \
	    $(DENY) --log-level error check --disable-fetch advisories; \
	else \
	    echo 'deny: advisories NOT CHECKED: their database cannot be reached from here'; \
	fi

.PHONY: unit
unit: tools redis build ## Unit and in-process gRPC tests, and the tests of the demo's own provider and of the README
	mkdir -p $(RESULTS)
	cargo test --locked | tee $(RESULTS)/cargo.txt
	cargo test --locked $(BENCHES)
	node --test tests/guide/*.test.mjs tests/docs/*.test.mjs tests/catalogue/*.test.mjs tests/differential/*.test.mjs

.PHONY: catalogue
catalogue: ## Print the catalogue of hostile inputs, by what the last `make unit` and `make gateway` saw
	node tests/catalogue/summary.mjs $(RESULTS)/cargo.txt $(RESULTS)/gateway.tap

.PHONY: differential
differential: $(NPM) ## Hold our verdict on thousands of mutated tokens against that of npm jose
	cargo test --locked --test differential
	node tests/differential/main.mjs $(TARGET)/tmp/differential.jsonl

.PHONY: crds
crds: ## Write deploy/crds again, from the types in its generator
	cargo run --locked --quiet --package portcullis-crds -- write deploy/crds

.PHONY: crds-check
crds-check: ## Hold deploy/crds to its types; what people have is accepted, what must not be wrong is refused
	cargo run --locked --quiet --package portcullis-crds -- check deploy/crds
	cargo test --locked --package portcullis-crds

# The helm and kubectl of the wheel are for x86-64; elsewhere those of the machine are taken, if there are any.
.PHONY: charts
charts: $(CHARTS) build ## Render chart and Kustomize bases; hold them to Kubernetes' schemas and to our own rules
	@if [ -x $(HELM) ] && [ -x $(KUBECTL) ]; then \
	    HELM=$(abspath $(HELM)) KUBECTL=$(abspath $(KUBECTL)) CHART_TOOLS=$(abspath $(dir $(CHARTS))) node --test tests/charts/*.test.mjs; \
	else \
	    echo 'charts: NOT CHECKED: there are no helm and kubectl for this processor; put them into .tools/charts/bin'; \
	fi

.PHONY: kustomize
kustomize: $(CHARTS) ## Write deploy/kustomize again, from the chart
	HELM=$(abspath $(HELM)) CHART_TOOLS=$(abspath $(dir $(CHARTS))) node tests/charts/write.mjs

.PHONY: validate
validate: $(ENVOY) ## Let Envoy judge every configuration in deploy/
	@for file in $(CONFIGURATIONS); do \
	    printf '%s: ' "$$file"; \
	    (cd "$$(dirname "$$file")" && "$(CURDIR)/$(ENVOY)" --mode validate --log-level error -c "$$(basename "$$file")") || exit 1; \
	done

.PHONY: gateway
gateway: tools chromium build ## What only real Envoy and a real Chromium can show: faults, floods, drain, reload, CSRF
	mkdir -p $(RESULTS)
	node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
	    --test-reporter=tap --test-reporter-destination=$(RESULTS)/gateway.tap tests/gateway/*.test.mjs

.PHONY: gateways
gateways: tools build ## The guide behind what each gateway of deploy/gateways makes of its file, on real Envoy
	node --test --test-concurrency=1 tests/gateways/*.test.mjs

.PHONY: replicas
replicas: tools redis build ## What replicas owe one another, and what no fault of Redis may do: real Redis in its four forms, figures, a table
	mkdir -p $(RESULTS)
	node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
	    --test-reporter=tap --test-reporter-destination=$(RESULTS)/replicas.tap tests/replicas/*.test.mjs

.PHONY: observability
observability: tools prometheus build ## Rules and dashboard: promtool, and a real Prometheus on a real run
	node --test --test-concurrency=1 tests/observability/*.test.mjs

.PHONY: prometheus
prometheus: ## Install Debian's Prometheus, for `make observability` (needs root)
	@deploy/observability/install-prometheus.sh

.PHONY: demo-check
demo-check: tools chromium build ## Walk through the guide with curl-like requests and a real Chromium
	node tests/guide/main.mjs

# How long each fuzz target runs under libFuzzer at most, and how often.
FUZZ_SECONDS ?= 4
FUZZ_RUNS ?= 50000

.PHONY: fuzz
fuzz: ## Every fuzz target: its corpus and fixed mutations, then libFuzzer led by coverage (FUZZ_SECONDS a target)
	cargo test --locked --test fuzz
	@if command -v c++ >/dev/null; then \
	    $(MAKE) --no-print-directory fuzz-by-coverage; \
	else \
	    echo 'fuzz: libFuzzer NOT RUN: it needs a C++ compiler, and there is no c++ here'; \
	fi

# The dependencies are those of `make build`; the library alone is compiled once more.
.PHONY: fuzz-by-coverage
fuzz-by-coverage:
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/fuzz/libfuzzer/instrument.sh cargo build --locked --package portcullis-fuzz
	@for target in $$(ls tests/fuzz/corpus); do \
	    mkdir -p $(TARGET)/fuzz/$$target; \
	    FUZZ_TARGET=$$target $(TARGET)/debug/portcullis-fuzz $(TARGET)/fuzz/$$target tests/fuzz/corpus/$$target \
	        -dict=tests/fuzz/dictionary.txt -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -timeout=20 \
	        -artifact_prefix=$(TARGET)/fuzz/$$target- > $(TARGET)/fuzz/$$target.log 2>&1 \
	        || { tail -40 $(TARGET)/fuzz/$$target.log; exit 1; }; \
	    printf 'fuzz: %-10s %s\n' $$target "$$(grep DONE $(TARGET)/fuzz/$$target.log | tr -s '\t ' ' ')"; \
	done

# A short one, by the build that is there already.
.PHONY: soak-short
soak-short:
	cargo test --locked --test soak -- 25

SOAK_SECONDS ?= 180
SOAK_SEED ?= 1

.PHONY: soak
soak: ## The service for SOAK_SECONDS with clients of every kind and faults; every answer is judged
	cargo test --locked --profile soak --test soak -- $(SOAK_SECONDS) $(SOAK_SEED)

.PHONY: soak-memory
soak-memory: ## Memory under 1,000,000 distinct bad tokens and 100,000 started logins
	cargo test --locked --profile soak --test soak -- memory

# ghz is for a second opinion: without it the run goes on, and says so.
.PHONY: load
load: ## Portcullis beside a server that only decodes and says OK: CPU, latency, gates (LOAD_ROUNDS, LOAD_SECONDS, LOAD_SCALE)
	cargo build --locked --release --package portcullis --package portcullis-load
	@test -x $(GHZ) || $(MAKE) --no-print-directory ghz || true
	$(TARGET)/release/load $(RESULTS)/load.json

.PHONY: ghz
ghz: ## Install ghz, with which deployments are load-tested (deploy/ghz; needs Go)
	@if ! command -v go >/dev/null; then \
	    echo 'ghz: NOT INSTALLED: it needs Go (go.dev/dl, or golang-go of Debian); then `make ghz` again'; exit 1; \
	fi
	@GOBIN=$(abspath $(dir $(GHZ))) GOTOOLCHAIN=local timeout 300 go install github.com/bojand/ghz/cmd/ghz@v0.120.0 \
	    || { echo 'ghz: NOT INSTALLED: the Go module proxy cannot be reached, or does not have it; see above'; exit 1; }
	@echo 'ghz: $(GHZ)'

# What instructions are counted of: the service as it is released, the reference, a signature alone.
COUNTED := --package portcullis --bin portcullis --package portcullis-load --bin reference \
    --package portcullis-counts --bin portcullis-verify

.PHONY: bench
bench: bench-counts bench-times ## What a check costs: instructions, allocations, memory, gates; then times by criterion

.PHONY: bench-counts
bench-counts: valgrind ## Instructions, allocations and memory of a check, and the gates that they decide
	cargo build --release --locked $(COUNTED) --bin portcullis-allocations --bin portcullis-counts
	$(TARGET)/release/portcullis-counts --out $(TARGET)/bench/results.json
	node benches/report/main.mjs gates $(TARGET)/bench/results.json

.PHONY: bench-times
bench-times: ## Times of each step and of whole checks, by criterion
	cargo bench --locked --package portcullis-counts

# Who drives needs no optimization, and `make unit` has built its dependencies already.
.PHONY: bench-check
bench-check: valgrind ## Hold the instructions of each kind of check to benches/budget.json
	cargo build --release --locked $(COUNTED)
	cargo run --locked --package portcullis-counts --bin portcullis-counts -- --budget \
	    --programs $(TARGET)/release --out $(TARGET)/bench/check.json
	node benches/report/main.mjs hold $(TARGET)/bench/check.json

.PHONY: bench-record
bench-record: ## Take the last `make bench` over into benches/: its results, the chart, the figures of the README
	node benches/report/main.mjs record $(TARGET)/bench/results.json

.PHONY: bench-budget
bench-budget: ## Make the counts of the last `make bench` the budget, and record them
	node benches/report/main.mjs budget $(TARGET)/bench/results.json

.PHONY: valgrind
valgrind: ## Install Debian's Valgrind, for the counts (needs root)
	@benches/install-valgrind.sh

.PHONY: load-envoy
load-envoy: $(ENVOY) ## What a check costs behind real Envoy: none, no-op, Portcullis, jwt_authn (LOAD_ROUNDS, LOAD_SECONDS, LOAD_RATE)
	cargo build --locked --release --package portcullis --package portcullis-load --package portcullis-load-envoy --bins
	$(TARGET)/release/load-envoy $(TARGET)/release/portcullis $(TARGET)/release/reference $(RESULTS)

.PHONY: capture
capture: $(ENVOY) ## Record again what Envoy asks, in benches/inputs
	node benches/inputs/capture/main.mjs

# --- keep ------------------------------------------------------------------------------------------------------------

.PHONY: fmt
fmt: ## Format the Rust sources
	cargo fmt
	cargo fmt --package portcullis-load --package portcullis-counts
	cargo fmt --package portcullis-inputs --package portcullis-load-envoy --package portcullis-crds

.PHONY: tools
tools: $(ENVOY) $(NPM) ## Bring Envoy and the npm packages into .tools/

$(ENVOY): deploy/demo/requirements.txt
	rm -rf .tools/venv
	python3 -m venv .tools/venv
	.tools/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	touch $@

$(DENY): .cargo/requirements.txt
	rm -rf .tools/deny
	python3 -m venv .tools/deny
	.tools/deny/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	touch $@

$(NPM): deploy/demo/package.json deploy/demo/package-lock.json
	mkdir -p .tools/node
	cp $^ .tools/node/
	cd .tools/node && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(CHARTS): tests/charts/requirements.txt tests/charts/package.json tests/charts/package-lock.json tests/charts/unpack.py
	rm -rf .tools/charts
	python3 -m venv .tools/charts
	.tools/charts/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@if [ "$$(uname -m)" = x86_64 ]; then python3 tests/charts/unpack.py .tools/charts; fi
	cp tests/charts/package.json tests/charts/package-lock.json .tools/charts/
	cd .tools/charts && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

.PHONY: chromium
chromium: ## Install Debian's Chromium, for demo-check (needs root)
	@deploy/demo/install-chromium.sh

.PHONY: redis
redis: ## Install Debian's redis-server and redis-sentinel, for the tests (needs root)
	@deploy/redis/install-redis.sh

.PHONY: clean
clean: ## Remove what was built and what was brought
	cargo clean
	rm -rf .tools
