#!/usr/bin/env bash
# Makes a virtual environment with the packages a requirements file pins, unless it is there already.
#
#   scripts/venv.sh directory requirements.txt
set -euo pipefail
directory=$1 requirements=$2
stamp="$directory/.requirements"
cmp -s "$requirements" "$stamp" && exit 0
echo "setup: Python packages of $requirements into $directory"
rm -rf "$directory"
python3 -m venv "$directory"
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" "$stamp"
