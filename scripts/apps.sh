#!/usr/bin/env bash
# Installs what the programs of tests/apps run with into a directory, unless it is there already.
#
#   scripts/apps.sh directory
#
# A language whose tools are missing or too old here is skipped: the reason stands in directory/skipped, one line for
# each such language, and apps.py counts its programs as skipped. Anything else that fails ends this with an error.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
directory=$(cd "$1" && pwd)
source=tests/apps
: >"$directory/skipped"

# Whether a language's tool is there in this version or a newer one: usable language tool wanted version
usable() {
    local language=$1 tool=$2 wanted=$3 version=$4 reason=
    if [ -z "$version" ]; then
        reason="there is no $tool"
    elif [ "$(printf '%s\n%s\n' "$wanted" "$version" | sort -V | head -n 1)" != "$wanted" ]; then
        reason="it needs $tool $wanted or newer, here is $version"
    fi
    [ -n "$reason" ] || return 0
    echo "setup: the $language programs of tests/apps are skipped: $reason"
    echo "$language: $reason" >>"$directory/skipped"
    return 1
}

# Debian 12 has Node.js 18.
javascript() {
    usable javascript Node.js 20 "$(node --version 2>/dev/null | tr -d v)" || return 0
    cmp -s $source/javascript/package-lock.json "$directory/.package-lock.json" && return 0
    echo "setup: npm packages of $source/javascript/package-lock.json into $directory"
    cp $source/javascript/package.json $source/javascript/package-lock.json "$directory"
    rm -rf "$directory/node_modules"
    # `npm ci` wants an optional package's builds for all platforms in the lock file, and not every registry has them all.
    # `npm install` takes the versions of the lock file as well.
    npm install --no-save --omit=optional --prefix "$directory" --ignore-scripts --no-audit --no-fund --loglevel=error
    # The lock file is the stamp: it is copied last.
    cp $source/javascript/package-lock.json "$directory/.package-lock.json"
}

python() {
    usable python Python 3.11 "$(python3 -c 'import platform; print(platform.python_version())' 2>/dev/null)" || return 0
    scripts/venv.sh "$directory/venv" $source/python/requirements.txt
}

go_programs() {
    usable go Go 1.18 "$(go env GOVERSION 2>/dev/null | tr -d go)" || return 0
    # Go itself knows what is built already.
    (cd $source/go && go build -buildvcs=false -o "$directory/go_redis" .)
}

rust() {
    usable rust Cargo 1.88 "$(cargo --version 2>/dev/null | cut -d ' ' -f 2)" || return 0
    CARGO_TARGET_DIR="$directory/rust" cargo build --quiet --locked --manifest-path $source/rust/Cargo.toml
}

# Debian 12 has Java 17.
java() {
    usable java "Java's compiler" 17 "$(javac -version 2>/dev/null | cut -d ' ' -f 2)" || return 0
    usable java Maven 3.6 "$(mvn -version 2>/dev/null | sed -n 's/^.*Apache Maven \([0-9.]*\).*$/\1/p')" || return 0
    if ! cmp -s $source/java/pom.xml "$directory/java/pom.xml"; then
        echo "setup: jars of $source/java/pom.xml into $directory/java"
        rm -rf "$directory/java"
        mvn --quiet --batch-mode -Dstyle.color=never --file $source/java/pom.xml \
            org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$directory/java/jars"
        cp $source/java/pom.xml "$directory/java"
    fi
    javac -d "$directory/java/classes" -cp "$directory/java/jars/*" $source/java/*.java
}

# Sidekiq is Debian's: there is nothing to install beside it.
ruby_programs() {
    usable ruby Sidekiq 6 "$(ruby -e 'require "sidekiq"; puts Sidekiq::VERSION' 2>/dev/null)" || return 0
}

c() {
    usable c hiredis 0.14 "$(pkg-config --modversion hiredis 2>/dev/null)" || return 0
    # shellcheck disable=SC2046 # one word per flag
    cc -std=c11 -D_GNU_SOURCE -o "$directory/hiredis" $source/c/hiredis.c $(pkg-config --cflags --libs hiredis)
}

javascript
python
go_programs
rust
java
ruby_programs
c
