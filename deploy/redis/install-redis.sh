#!/bin/sh
# Installs Debian's redis-server and redis-sentinel, which the tests start, kill, freeze and fill up.
set -eu

PACKAGES="redis-server redis-sentinel redis-tools"

say() { printf 'redis: %s\n' "$1"; }

if command -v redis-server >/dev/null 2>&1 && command -v redis-cli >/dev/null 2>&1 \
    && command -v redis-sentinel >/dev/null 2>&1; then
    say "$(redis-server --version | cut -d ' ' -f 1-3) is there already"
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    say "not found, and this is not Debian. Install Redis or Valkey your system's way." >&2
    exit 1
fi

if [ "$(id -u)" -ne 0 ]; then
    say "not found. It is a Debian package, so installing it needs root:" >&2
    say "    sudo apt-get update && sudo apt-get install --no-install-recommends $PACKAGES" >&2
    exit 1
fi

say "not found; installing the Debian packages $PACKAGES"
# The packages start services of their own, on ports that others may want: here only the programs are meant. Where a
# policy stands already, it is somebody else's, and stays.
POLICY=/usr/sbin/policy-rc.d
if [ ! -e "$POLICY" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$POLICY"
    chmod 755 "$POLICY"
    trap 'rm -f "$POLICY"' EXIT
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $PACKAGES
