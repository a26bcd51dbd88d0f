#!/usr/bin/env bash
# Formatting, vet, staticcheck. The tools' versions are lines of go.mod.
set -euo pipefail
cd "$(dirname "$0")/.."

# As the cross builds and `make build` have it, so that each finds the other's work in the cache.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath"

unformatted=$(go tool gofumpt -l .)
if [ -n "$unformatted" ]; then
  printf 'lint: not formatted (go tool gofumpt -w FILE):\n%s\n' "$unformatted" >&2
  exit 1
fi
go vet ./...
go tool staticcheck ./...
