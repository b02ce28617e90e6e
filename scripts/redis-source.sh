#!/usr/bin/env bash
# Fetches Debian's source of redis 7.0.15 into the folder given, once, and prints the folder that holds its Tcl tests.
# The machine's own list of sources stays as it is: apt-get gets a private copy of it that asks for sources.
set -euo pipefail

readonly VERSION=7.0.15
cache=${1:?usage: redis-source.sh FOLDER}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# Both forms of apt's lists, with every entry of Debian's asking for sources and nothing else.
private_sources() {
    local file
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -e "$file" ] || { sed 's/^Types:.*/Types: deb-src/' "$file"; echo; } >>"$cache/apt/parts/debian.sources"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -e "$file" ] || sed -n 's/^deb\(-src\)\? /deb-src /p' "$file" | grep debian.org >>"$cache/apt/parts/debian.list" || true
    done
}

fetch() {
    rm -rf "$cache/apt"
    mkdir -p "$cache/apt/parts" "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
    private_sources
    local options=(
        -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$cache/apt/parts"
        -o Dir::State::Lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache"
        -o APT::Sandbox::User=root -qq
    )
    apt-get "${options[@]}" update >&2 || true # a repository without sources is none of ours
    local version
    version=$(apt-cache "${options[@]}" showsrc redis | sed -n "s/^Version: \(.*$VERSION.*\)/\1/p" | sort -V | tail -1)
    [ -n "$version" ] || { echo "redis-source: no source package of redis $VERSION in apt's lists" >&2; return 1; }
    (cd "$cache" && apt-get "${options[@]}" source "redis=$version" >&2)
    rm -rf "$cache/apt"
}

# The suite empties the functions before each block; a server without them is judged by the rest.
prepare() { sed -i "s/^    r function flush$/    catch {r function flush}/" "$(found)/support/server.tcl"; }

found() { find "$cache" -maxdepth 2 -path "*/redis-$VERSION/tests" -type d | head -1; }

[ -n "$(found)" ] || fetch
prepare
found
