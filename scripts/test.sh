#!/usr/bin/env bash
# Every check there is, one after the other; stops at the first that fails. Called by `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
log="$target/test.log"
: >"$log"

# Runs one check with its output on the screen and in the log, and says how long it took.
run_check() {
    local name=$1 began=$SECONDS
    shift
    printf '\n== %s\n' "$name" | tee -a "$log"
    if ! "$@" 2>&1 | tee -a "$log"; then
        printf '\nFAILED: %s\n' "$name"
        exit 1
    fi
    printf '== %s: ok, %s s\n' "$name" $((SECONDS - began)) | tee -a "$log"
}

run_check "format" cargo fmt --check
run_check "clippy" cargo clippy --release --locked --all-features --all-targets -- -D warnings
run_check "library without server and RocksDB" \
    cargo clippy --release --locked --no-default-features --lib -- -D warnings
run_check "fuzz targets" cargo check --locked --manifest-path fuzz/Cargo.toml --bins
run_check "unit, property, transcript and layering tests" cargo test --release --locked --all-features
run_check "documentation" env RUSTDOCFLAGS="-D warnings" \
    cargo doc --release --locked --all-features --no-deps --document-private-items
run_check "server" cargo build --release --locked --all-features
run_check "crash test, short form" python3 tests/crash/crash_test.py --rounds "${CRASH_ROUNDS:-20}"
run_check "crash test with a loss of power, short form" \
    python3 tests/crash/crash_test.py --power-loss --rounds "${POWER_LOSS_ROUNDS:-10}"
run_check "the benchmark by size, a small run" python3 benches/compare/by_size.py --max-size 100 --seconds 0.02 \
    --operations 2000 --parts 2 --no-picture --output "$target/benchmarks"
run_check "integration" ./run_integration_tests.sh --no-build

printf '\n== all checks passed in %s s; the closing lines:\n' "$SECONDS"
grep -E '^(test result:|== .*: ok,|[0-9]+ passed, [0-9]+ failed|crash test:)' "$log"
