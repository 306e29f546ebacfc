#!/bin/sh
# Installs Debian's Chromium, which `make demo-check` drives through the guide as a person would.
set -eu

PACKAGES="chromium fonts-dejavu-core"

say() { printf 'chromium: %s\n' "$1"; }

for browser in "${CHROMIUM:-chromium}" chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null 2>&1; then
        say "$(command -v "$browser") is there already"
        exit 0
    fi
done

if ! command -v apt-get >/dev/null 2>&1; then
    say "not found, and this is not Debian. Install Chromium your system's way, or set CHROMIUM to where it is." >&2
    exit 1
fi

if [ "$(id -u)" -ne 0 ]; then
    say "not found. It is a Debian package, so installing it needs root:" >&2
    say "    sudo apt-get update && sudo apt-get install --no-install-recommends $PACKAGES" >&2
    exit 1
fi

say "not found; installing the Debian packages $PACKAGES"
apt-get update -q
# shellcheck disable=SC2086 # several packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $PACKAGES
