#!/usr/bin/env bash
# Fetches Debian's source of redis 7.0.15 into the folder given, once, and prints the folder that holds its Tcl tests.
# The machine's own list of sources stays as it is: apt-get gets a private copy of it that asks for sources.
set -euo pipefail

readonly VERSION=7.0.15
cache=${1:?usage: redis-source.sh FOLDER}
here=$(cd "$(dirname "$0")/../tests/conformance" && pwd)
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

# Changes to the suite, the same for every server that it judges:
# - it empties the functions before each block; a server without them is judged by the rest;
# - code between tests that fails does not hide the tests after it (survive.tcl);
# - whoever runs the tests ends with the process that started them.
prepare() {
    local tests
    tests=$(found)
    sed -i -e 's/^    r function flush$/    catch {r function flush}/' \
        -e 's/uplevel 2 \$code/uplevel 2 [list each_command $code]/' \
        -e '/^proc tags /,/^}/ s/uplevel 1 \$code/uplevel 1 [list each_command $code]/' "$tests/support/server.tcl"
    sed -i -e 's/\[exec \$tclsh /[exec setpriv --pdeathsig KILL $tclsh /' \
        -e '/^source tests\/support\/survive.tcl$/d' \
        -e 's/^source tests\/support\/util.tcl$/&\nsource tests\/support\/survive.tcl/' "$tests/test_helper.tcl"
    cp "$here/survive.tcl" "$tests/support/survive.tcl"
}

found() { find "$cache" -maxdepth 2 -path "*/redis-$VERSION/tests" -type d | head -1; }

[ -n "$(found)" ] || fetch
prepare
found
