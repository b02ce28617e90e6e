# The commands of the house. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help run test quick apps bench bench-collections bench-micro conformance example crash nightly fuzz docs fmt clean

# RocksDB takes 10 to 20 minutes to compile, and changed flags compile it again: the flags are in
# .cargo/config.toml, the environment's have no say here.
unexport RUSTFLAGS
unexport CARGO_ENCODED_RUSTFLAGS
unexport CARGO_BUILD_RUSTFLAGS

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR

PORT ?= 6380
DATA ?= ./data
ARGS ?=
HISTORIES ?= 1000000
BUILD := cargo build --release --locked --all-features

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, build, serve on 127.0.0.1:6380 with data in ./data (PORT=, DATA=, ARGS=)
	@scripts/setup.sh build
	$(BUILD)
	@mkdir -p $(DATA)
	$(CARGO_TARGET_DIR)/release/diskdb --bind 127.0.0.1 --port $(PORT) --dir $(DATA) $(ARGS)

test: ## Install what is missing, then every check: format, lints, tests, documentation, crash, integration
	@scripts/setup.sh build test apps
	@scripts/test.sh

quick: ## The tests on the memory engine alone: no RocksDB to compile
	cargo test --locked --no-default-features --features server

bench: ## Compare with redis-server, side by side; results in docs/benchmarks/ (ARGS="--only set,get --rounds 3")
	@scripts/setup.sh build bench
	$(BUILD)
	@scripts/venv.sh $(CARGO_TARGET_DIR)/venv-bench benches/compare/requirements.txt
	$(CARGO_TARGET_DIR)/venv-bench/bin/python benches/compare/compare.py $(ARGS)

bench-collections: ## One operation by the size of its collection, beside redis-server (ARGS="--max-size 100000 --only list,set")
	@scripts/setup.sh build bench
	$(BUILD)
	@scripts/venv.sh $(CARGO_TARGET_DIR)/venv-bench benches/compare/requirements.txt
	$(CARGO_TARGET_DIR)/venv-bench/bin/python benches/compare/by_size.py $(ARGS)

bench-micro: ## criterion: parser, encoder, key encodings, engine operations
	@scripts/setup.sh build
	cargo bench --locked --all-features --profile release

apps: ## Programs of the registries (BullMQ, ioredis, ...) on DiskDB and redis-server (ARGS="--only bullmq")
	@scripts/setup.sh build apps
	$(BUILD)
	@scripts/apps.sh $(CARGO_TARGET_DIR)/apps
	python3 tests/apps/apps.py $(ARGS)

conformance: ## Redis' own test suite against DiskDB and redis-server: N of M (ARGS="--failures unit/type/string")
	@scripts/setup.sh build conformance
	$(BUILD)
	python3 tests/conformance/conformance.py $(ARGS)

example: ## Load real data, kill the server, start it again and count what is there
	@scripts/setup.sh build example
	$(BUILD)
	python3 examples/real_data/real_data.py $(ARGS)

crash: ## The long crash test: 100 rounds of kill -9 under load with each appendfsync, and of lost power
	@scripts/setup.sh build test
	$(BUILD)
	python3 tests/crash/crash_test.py --rounds 100 $(ARGS)
	python3 tests/crash/crash_test.py --power-loss --rounds 100 $(ARGS)

nightly: ## Millions of random histories, against redis-server, models and by themselves (HISTORIES=1000000)
	@scripts/setup.sh build test
	DISKDB_RANDOM_HISTORIES=$(HISTORIES) DISKDB_ORACLE_COMMANDS=$$(($(HISTORIES) * 50)) \
		PROPTEST_CASES=$$(($(HISTORIES) / 50 + 256)) \
		cargo test --release --locked --all-features --no-fail-fast --lib --test random_commands \
		--test half_commands --test '*oracle'

fuzz: ## Fuzz every target for SECONDS=120 each (needs a nightly toolchain)
	@scripts/fuzz.sh $(or $(SECONDS),120)

docs: ## The API documentation
	@scripts/setup.sh build
	RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --all-features --no-deps --document-private-items

fmt: ## Format the code
	cargo fmt

clean: ## Delete what was built; ./data stays
	cargo clean
