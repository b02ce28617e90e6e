#!/usr/bin/env bash
# Starts real servers and talks to them with redis-cli, redis-py and netcat. Each check prints a line; the
# last line counts them. Every server has a temporary data directory and free ports, and is ended by its
# process id.
#
#   ./run_integration_tests.sh [--no-build] [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

if [ "${1:-}" = "--no-build" ]; then
    shift
else
    scripts/setup.sh build test
    cargo build --release --locked --all-features
fi
venv="$CARGO_TARGET_DIR/venv"
scripts/venv.sh "$venv" tests/integration/requirements.txt

# An interrupt ends pytest, whose fixtures end the servers.
"$venv/bin/python" -m pytest -v --no-header -p no:cacheprovider -rN --tb=short tests/integration "$@" &
pytest=$!
trap 'kill -INT "$pytest" 2>/dev/null; wait "$pytest"' INT TERM
wait "$pytest"
