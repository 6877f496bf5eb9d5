# One line per target after `##`: `make help` prints them.
.DEFAULT_GOAL := help
.PHONY: help try deb test test-clients test-deploy lint doc conformance bench soak chaos fuzz

TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
CORPUS = $(or $(SPILLWAY_CONFORMANCE),../shared/conformance)
HUB ?= ../shared/conformance/hub
FUZZ_SECONDS ?= 60
# Chosen for the whole workspace, features of dependencies are those of the tests: RocksDB is built once.
BUILD = cargo build --release --workspace --bin spillway

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

try: ## build, then replay the sample logs with the embedded content
	$(BUILD)
	$(TARGET_DIR)/release/spillway replay pipeline/sample

deb: ## the Debian package, in target/debian; needs cargo-deb
	$(BUILD)
	cargo deb --package spillway --no-build --strip

test: lint doc ## the one gate: format, lints, documentation, every test
	@test -d "$(CORPUS)" || { echo "no corpus at $(CORPUS) (SPILLWAY_CONFORMANCE names another place): skipped are the parts of"; \
	    grep -rlE 'SPILLWAY_CONFORMANCE|shared/conformance' --include='*.rs' operators pipeline integration; }
	cargo test --release --workspace --no-fail-fast --features spillway/crash-points

test-clients: ## real bouncers, agents, cscli and schemathesis against the API; says what it skipped
	$(BUILD)
	integration/clients/run.sh
	integration/schemathesis/run.sh

test-deploy: ## container image, trial and Debian package of deploy/, on real parts; says what it skipped
	$(BUILD)
	integration/deploy/run.sh

lint: ## rustfmt and clippy; every warning is an error
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

doc: ## the documentation of the crates; every warning is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

conformance: ## every test of a hub: make conformance HUB=DIR
	$(BUILD)
	$(TARGET_DIR)/release/spillway hubtest run --all --hub $(HUB)

bench: ## CPU seconds and memory, beside CrowdSec where `go` is there
	benchmarks/compare.sh

soak: ## what takes long: a service at full load for half an hour, 100,000 files that are followed
	$(BUILD)
	benchmarks/soak.sh
	SPILLWAY_TEST_FILES=100000 cargo test --release --package spillway-connectors --test host many_files -- --nocapture

chaos: ## 300 times kill -9, crashes between all steps, troubles of minutes: byte for byte the same
	benchmarks/chaos.sh

# Without a sanitizer: nothing here is `unsafe`, and C libraries do not build with Rust's.
fuzz: ## each fuzz target for FUZZ_SECONDS (60); needs cargo-fuzz
	@for folder in $(wildcard */fuzz); do (cd $$folder && for target in $$(RUSTC_BOOTSTRAP=1 cargo fuzz list); do \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target -- -dict=dictionaries/$$target -timeout=10 \
	    -rss_limit_mb=2048 -max_total_time=$(FUZZ_SECONDS) || exit 1; done) || exit 1; done
