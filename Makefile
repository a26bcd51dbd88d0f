SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build demo test faults systemd wine kernel-wireguard lint cross bench types clean

VERSION ?= $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo 0.0.0-dev)
COMMIT ?= $(shell git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
BENCHTIME ?= 1s

# git may refuse a tree that another user owns; the version comes from above, so Go need not ask it.
export GOFLAGS := $(filter-out -buildvcs%,$(GOFLAGS)) -buildvcs=false

GO_BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)'

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the agent, its worker and the embedded Engine into bin/
	$(GO_BUILD) -o bin/borealis-agent ./agent
	$(GO_BUILD) -o bin/borealis-worker ./agent/worker
	$(GO_BUILD) -o bin/borealis-engine ./examples/engine

demo: build ## an Engine on loopback with the real agent beside it; ARGS="--once --json" for one round trip
	bin/borealis-engine demo $(ARGS)

test: ## install what the tests need, then lint, cross builds, every test and the checks on a real systemd; under Wine too where it is there
	@start=$$SECONDS; \
	scripts/test-deps.sh; \
	$(MAKE) --no-print-directory lint cross; \
	scripts/go-test.sh; \
	scripts/systemd.sh --if-possible; \
	scripts/wine.sh --if-there; \
	echo "make test: everything passed in $$((SECONDS - start)) s"

systemd: ## run the checks on a real systemd, in a container that they make (as root on Debian)
	scripts/systemd.sh

wine: ## run the Windows tests under Wine, which is installed into a folder of its own if need be
	scripts/wine.sh

kernel-wireguard: ## test the tunnel against the kernel's WireGuard, in a machine that it boots (as root on Debian)
	scripts/kernel-wireguard.sh

faults: ## run the tests of docs/reliability.md at full length, which takes half an hour
	BOREALIS_LONG=1 go test -count 1 -timeout 60m -v -run 'ALifeSurvives|ALifeAt|AThousandReconnects|AFleet' ./agent/engine | grep -v '^=== '
	BOREALIS_LONG=1 go test -count 1 -timeout 60m -v -run 'KilledAtAny|EngineIsAway|BadLine|ADiskThat|AForeignClientOf' ./agent | grep -v '^=== '
	BOREALIS_LONG=1 go test -count 1 -timeout 60m -v -run 'Spoilt|Moves|Vanishes|Storm|ComesAndGoes|ManySessions' ./agent/tunnel | grep -v '^=== '

lint: ## gofumpt, go vet, staticcheck
	scripts/lint.sh

cross: ## build for linux, windows and darwin on amd64 and arm64, and vet for each of the three
	scripts/cross.sh

bench: ## run the benchmarks, with a copy in bin/bench.txt; BENCHTIME=1s
	@mkdir -p bin
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./... | tee bin/bench.txt

types: ## copy the bindings' faces to where the roles' editor looks for them
	@for face in bindings/*/*.lua; do \
		name=$$(basename "$$face"); \
		[ "$$name" = "$$(basename "$$(dirname "$$face")").lua" ] || continue; \
		cmp -s "$$face" "luaroles/types/$$name" || { cp "$$face" "luaroles/types/$$name"; echo "types: $$name"; }; \
	done

clean: ## remove what was built
	rm -rf bin
