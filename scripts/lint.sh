#!/usr/bin/env bash
# Formatting, vet, staticcheck. The tools' versions are lines of go.mod.
set -euo pipefail
cd "$(dirname "$0")/.."

export CGO_ENABLED=0 # as the cross builds, so that each finds the other's work in the cache

unformatted=$(go tool gofumpt -l .)
if [ -n "$unformatted" ]; then
  printf 'lint: not formatted (go tool gofumpt -w FILE):\n%s\n' "$unformatted" >&2
  exit 1
fi
go vet ./...
go tool staticcheck ./...
