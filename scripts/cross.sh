#!/usr/bin/env bash
# Builds what ships for each system that the agent is for, and vets everything once for each operating system: the other
# processor has no file of its own here but a seccomp table, and to vet it would compile the tests' database again.
# linux/amd64 is vetted by lint.sh. Results are thrown away: the compiler's word counts.
set -euo pipefail
cd "$(dirname "$0")/.."

export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath" # as make build has it, which finds its work done then

for os in linux windows darwin; do
  for arch in amd64 arm64; do
    echo "cross: $os/$arch"
    GOOS=$os GOARCH=$arch go build -o /dev/null ./agent ./agent/worker
  done
done
for os in windows darwin; do
  echo "cross: vet $os/amd64"
  GOOS=$os GOARCH=amd64 go vet ./...
done
