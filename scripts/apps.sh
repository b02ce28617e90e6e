#!/usr/bin/env bash
# Installs what the programs of tests/apps run with into a directory, unless it is there already.
#
#   scripts/apps.sh directory
#
# Exits with 3 where Node.js is older than the programs need.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$1
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

# Debian 12 has version 18.
version=$(node --version)
version=${version#v}
if [ "${version%%.*}" -lt 20 ]; then
    echo "setup: the programs of tests/apps are skipped: they need Node.js 20 or newer, here is $version"
    exit 3
fi

# The lock file is the stamp: it is copied last.
source=tests/apps/javascript
if ! cmp -s "$source/package-lock.json" "$directory/.package-lock.json"; then
    echo "setup: npm packages of $source/package-lock.json into $directory"
    cp "$source/package.json" "$source/package-lock.json" "$directory"
    rm -rf "$directory/node_modules"
    # `npm ci` wants an optional package's builds for all platforms in the lock file, and not every registry has them all.
    # `npm install` takes the versions of the lock file as well.
    npm install --no-save --omit=optional --prefix "$directory" --ignore-scripts --no-audit --no-fund --loglevel=error
    cp "$source/package-lock.json" "$directory/.package-lock.json"
fi

scripts/venv.sh "$directory/venv" tests/apps/python/requirements.txt
