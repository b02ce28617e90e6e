#!/usr/bin/env bash
# Runs every fuzz target for a while, beginning with the inputs under fuzz/corpus; what it finds on the
# way is kept under fuzz/target/corpus.
#
#   scripts/fuzz.sh [seconds per target] [target ...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-120}
shift || true
[ -d fuzz ] || { echo "fuzz: there are no fuzz targets yet" >&2; exit 1; }
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: installing cargo-fuzz"
    cargo install cargo-fuzz --locked
fi
toolchain=()
if cargo +nightly --version >/dev/null 2>&1; then
    toolchain=(+nightly)
else
    # cargo-fuzz passes flags that a stable compiler takes only with this.
    export RUSTC_BOOTSTRAP=1
fi
# A sanitizer changes the compiler's flags for every dependency: a target directory of its own.
unset CARGO_TARGET_DIR
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo "${toolchain[@]}" fuzz list)
for target in "${targets[@]}"; do
    echo "fuzz: $target for $seconds s"
    dictionary=()
    [ ! -f "fuzz/$target.dict" ] || dictionary=("-dict=fuzz/$target.dict")
    mkdir -p "fuzz/target/corpus/$target"
    cargo "${toolchain[@]}" fuzz run "$target" "$PWD/fuzz/target/corpus/$target" "$PWD/fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=2048 "${dictionary[@]}"
done
echo "fuzz: ${#targets[@]} targets, no findings"
