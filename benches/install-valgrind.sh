#!/bin/sh
# Installs Debian's Valgrind, whose callgrind counts the instructions that `make bench` and `make test` hold to a budget.
set -eu

PACKAGES="valgrind"

say() { printf 'valgrind: %s\n' "$1"; }

if command -v valgrind >/dev/null 2>&1 && command -v vgdb >/dev/null 2>&1; then
    say "$(valgrind --version) is there already"
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    say "not found, and this is not Debian. Install Valgrind your system's way." >&2
    exit 1
fi

if [ "$(id -u)" -ne 0 ]; then
    say "not found. It is a Debian package, so installing it needs root:" >&2
    say "    sudo apt-get update && sudo apt-get install --no-install-recommends $PACKAGES" >&2
    exit 1
fi

say "not found; installing the Debian package $PACKAGES"
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$PACKAGES"
