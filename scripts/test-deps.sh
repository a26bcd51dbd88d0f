#!/usr/bin/env bash
# Installs what the tests need: Debian packages (as root on Debian; elsewhere it says what is missing and goes on), then
# the npm packages of the Socket.IO interop tests. Does nothing, quickly, when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

interop=agent/socketio/testdata/interop

# wanted lists the packages of debian-packages.txt that no command makes unneeded.
wanted() {
  local package command
  while read -r package command; do
    case $package in '' | '#'*) continue ;; esac
    if [ -z "$command" ] || ! command -v "$command" >/dev/null; then echo "$package"; fi
  done <scripts/debian-packages.txt
}

missing() {
  local package
  for package in $(wanted); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || echo "$package"
  done
}

install() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "$@" </dev/null
}

debian() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "test-deps: not Debian. Tests need, under whatever name this system has them:" $(wanted)
    return
  fi
  local packages
  packages=$(missing)
  if [ -z "$packages" ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    echo "test-deps: not root. Missing for some tests: apt-get install" $packages
    return
  fi
  echo "test-deps: installing" $packages
  # The lists may be old or absent: ask for them only if the first try fails.
  install $packages || {
    apt-get -o DPkg::Lock::Timeout=300 update -q
    install $packages
  }
}

npm_packages() {
  if [ ! -f "$interop/package-lock.json" ]; then return; fi
  # npm writes this file last, so it also tells a broken installation.
  local stamp=$interop/node_modules/.package-lock.json
  if [ -f "$stamp" ] && [ ! "$interop/package-lock.json" -nt "$stamp" ]; then return; fi
  if ! command -v npm >/dev/null; then
    echo "test-deps: no npm, so the interop tests of agent/socketio lack their peers"
    return
  fi
  echo "test-deps: npm ci in $interop"
  npm --prefix "$interop" ci --no-audit --no-fund </dev/null
  touch "$stamp"
}

debian
npm_packages
