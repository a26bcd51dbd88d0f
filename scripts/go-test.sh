#!/usr/bin/env bash
# Runs the tests of every package, or of those that are named, with the race detector where there is a C compiler. In CI
# (CI is set) its absence fails, and so does a skipped test that scripts/allowed-skips.txt does not list.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# = 0 ]; then set -- ./...; fi

race=-race
if ! command -v "$(go env CC)" >/dev/null; then
  if [ -n "${CI:-}" ]; then
    echo "go-test: no C compiler, so no race detector: not enough for CI" >&2
    exit 1
  fi
  echo "go-test: no C compiler, so the race detector is left out" >&2
  race=
fi

# Tests write many small files: memory is a better place, if programs can be started from there and it is large enough.
usable() {
  [ -d "$1" ] && [ -w "$1" ] && [ "$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024 / 1024) }')" -ge 2 ] || return 1
  local probe
  probe=$(mktemp "$1/borealis-probe.XXXXXX")
  printf '#!/bin/sh\n' >"$probe"
  chmod 700 "$probe"
  "$probe" 2>/dev/null && rm -f "$probe" || { rm -f "$probe"; return 1; }
}
work=${TMPDIR:-/tmp}
if usable /dev/shm; then work=/dev/shm; fi
TMPDIR=$(mktemp -d "$work/borealis-test.XXXXXX")
export TMPDIR
chmod 711 "$TMPDIR" # some tests run a program from there as nobody
trap 'chmod -R u+w "$TMPDIR" 2>/dev/null; rm -rf "$TMPDIR"' EXIT

mkdir -p bin
go build -o bin/testreport ./scripts/testreport
go test -json -count=1 $race -timeout "${TEST_TIMEOUT:-20m}" "$@" |
  bin/testreport -module "$(go list -m)" -allowed-skips scripts/allowed-skips.txt ${CI:+-strict}
