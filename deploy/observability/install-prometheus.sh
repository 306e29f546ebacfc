#!/bin/sh
# Installs Debian's Prometheus, with which `make observability` checks the rules (promtool) and scrapes a real run.
set -eu

PACKAGES="prometheus"

say() { printf 'prometheus: %s\n' "$1"; }

if command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1; then
    say "$(prometheus --version 2>&1 | head -n 1) is there already"
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    say "not found, and this is not Debian. Install Prometheus your system's way." >&2
    exit 1
fi

if [ "$(id -u)" -ne 0 ]; then
    say "not found. It is a Debian package, so installing it needs root:" >&2
    say "    sudo apt-get update && sudo apt-get install --no-install-recommends $PACKAGES" >&2
    exit 1
fi

say "not found; installing the Debian package $PACKAGES"
# The package starts a service of its own, on a port that others may want: here only the programs are meant. Where a
# policy stands already, it is somebody else's, and stays.
POLICY=/usr/sbin/policy-rc.d
if [ ! -e "$POLICY" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$POLICY"
    chmod 755 "$POLICY"
    trap 'rm -f "$POLICY"' EXIT
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$PACKAGES"
