#!/usr/bin/env bash
# Installs what a job needs and is not there yet. Silent and quick when nothing is missing.
#
#   scripts/setup.sh build            the compilers RocksDB is built with
#   scripts/setup.sh build test       ... and what the tests talk to the server with
#   scripts/setup.sh apps             what the programs of tests/apps run with
#   scripts/setup.sh conformance      redis-server and what runs its test suite
#   scripts/setup.sh example bench    the example's data; the server the benchmark compares with
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }

declare -A packages=(
    [build]="clang libclang-dev cmake g++ make pkg-config"
    [test]="python3 python3-venv redis-server redis-tools netcat-openbsd openssl"
    [apps]="python3 python3-venv redis-server ruby-sidekiq libhiredis-dev pkg-config g++"
    [example]="python3 redis-tools wamerican-insane iso-codes"
    [conformance]="python3 redis-server tcl dpkg-dev util-linux"
    [bench]="python3 python3-venv redis-tools redis-server"
)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "this needs root (or sudo): $*" >&2
        return 1
    fi
}

missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done | sort -u
}

install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt-get here; make sure that these are installed: $*" >&2
        return 0
    fi
    local missing
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    say "installing with apt-get: $missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
    # shellcheck disable=SC2086 # one word per package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null
}

check_rust() {
    if ! command -v cargo >/dev/null; then
        say "cargo is missing: install Rust from https://rustup.rs and run this again" >&2
        return 1
    fi
}

# rustfmt and clippy come with rustup's default profile, but not with the minimal one.
install_rust_components() {
    local component
    for component in fmt clippy; do
        if ! cargo "$component" --version >/dev/null 2>&1; then
            say "installing cargo $component with rustup"
            rustup component add "${component/#fmt/rustfmt}"
        fi
    done
}

# Languages often come from elsewhere than Debian; scripts/apps.sh looks whether they are recent enough.
install_languages() {
    command -v node >/dev/null && command -v npm >/dev/null || install_packages nodejs npm
    command -v go >/dev/null || install_packages golang-go
    command -v javac >/dev/null || install_packages default-jdk-headless
    command -v mvn >/dev/null || install_packages maven
}

[ $# -gt 0 ] || { say "usage: $0 build|test|apps|example|conformance|bench ..." >&2; exit 2; }
wanted=()
for job in "$@"; do
    [ -n "${packages[$job]:-}" ] || { say "no such job: $job" >&2; exit 2; }
    read -ra words <<<"${packages[$job]}"
    wanted+=("${words[@]}")
done
install_packages "${wanted[@]}"
for job in "$@"; do
    case $job in
    build) check_rust ;;
    test) check_rust && install_rust_components ;;
    apps) install_languages ;;
    esac
done
