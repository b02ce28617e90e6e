#!/usr/bin/env bash
# Starts real servers and talks to them with redis-cli, redis-py and netcat, then runs the programs of
# tests/apps (those of registries: BullMQ, ioredis, ...) on DiskDB and on redis-server. Each check prints a
# line; the last line of each part counts them. With pytest arguments, the first part alone. Every server has a
# temporary data directory and free ports, and is ended by its process id.
#
#   ./run_integration_tests.sh [--no-build] [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

if [ "${1:-}" = "--no-build" ]; then
    shift
else
    scripts/setup.sh build test apps
    cargo build --release --locked --all-features
fi
venv="$CARGO_TARGET_DIR/venv"
scripts/venv.sh "$venv" tests/integration/requirements.txt

# An interrupt ends pytest, whose fixtures end the servers.
"$venv/bin/python" -m pytest -v --no-header -p no:cacheprovider -rN --tb=short tests/integration "$@" &
part=$!
trap 'kill -INT "$part" 2>/dev/null; wait "$part"' INT TERM
wait "$part"
[ $# -eq 0 ] || exit 0

printf '\n== programs of the registries\n'
scripts/apps.sh "$CARGO_TARGET_DIR/apps"
python3 tests/apps/apps.py &
part=$!
wait "$part"
