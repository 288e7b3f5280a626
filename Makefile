# The one way in: `make help` lists the verbs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Where rustup puts cargo, for a shell that was open before `make setup` installed it.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# Always the whole workspace, so that librdkafka is built once a profile.
CARGO_BUILD := cargo build --release --locked --workspace
DUNNING := target/release/dunning
BUS := tests/bus/bus

.PHONY: help setup build demo demo-kafka test fmt lint deny unit e2e sim chaos halfyear fuzz mutants bus-up bus-down bus-status clean

help: ## list the verbs
	@echo 'make VERB'
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
	  sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1: \2/p' $(MAKEFILE_LIST)

setup: ## install what building and testing need, or name what is missing
	@tests/setup test

build: ## build the program: target/release/dunning
	@tests/setup build
	$(CARGO_BUILD)

demo: build ## the main job on made-up customers, without Kafka
	@exec $(DUNNING) demo

demo-kafka: build ## the same through a real Kafka, on a test bus of its own, fresh each time
	@tests/setup bus
	@export BUS_DIR=$(CURDIR)/.demo/bus; $(BUS) wipe; rm -rf .demo/state; trap '$(BUS) down' EXIT; $(BUS) up; . "$$BUS_DIR/env"; \
	  DUNNING_KAFKA_BOOTSTRAP_SERVERS=$$BUS_BOOTSTRAP DUNNING_REGISTRY_URL=$$BUS_REGISTRY \
	  $(DUNNING) demo --kafka --config tests/bus/demo.yaml

test: ## everything: format, clippy, cargo-deny, unit, property and end-to-end tests on a real bus
	@tests/setup test
	@tests/run fmt lint deny compile sim test

fmt: ## format the sources
	cargo fmt --all

lint: ## clippy, warnings are errors
	@tests/run lint

deny: ## licences, sources, bans and advisories of the dependencies
	@tests/run deny

unit: ## unit and property tests; no bus needed
	@tests/run unit

e2e: ## end-to-end tests, on the bus that is up or else on one for this run
	@tests/run e2e

sim: ## the engine in SEEDS=10000 hostile worlds (FROM=0); one again with its trace: make sim SEED=17
	@tests/setup build
	@cargo run --quiet --release --locked -p dunning-sim --bin sim -- \
	  $(if $(SEED),--seed $(SEED) --trace,--seeds $(or $(SEEDS),10000) --from $(or $(FROM),0))

fuzz: ## each fuzz target for a minute, or for FUZZ_SECONDS=…
	@tests/setup fuzz
	@tests/run fuzz

mutants: ## changes rules and engine on purpose, to see that a test notices; a part: MUTANTS_SHARD=0/8
	@tests/setup mutants
	@tests/run mutants

chaos: ## an hour at most of real faults on a real bus: kills, stops, a bad network, lost and damaged state
	@tests/setup bus
	@tests/run chaos

halfyear: ## half a year of 20,000 made-up households on a real bus, held against books of its own
	@tests/setup bus
	@tests/run halfyear

bus-up: ## start Kafka and a schema registry on free loopback ports; then: . .bus/env
	@tests/setup bus
	@$(BUS) up

bus-down: ## stop both; topics stay (tests/bus/bus wipe removes them)
	@$(BUS) down

bus-status: ## what of the bus runs
	@$(BUS) status

clean: ## stop the bus; remove what was built and written
	@$(BUS) wipe; if [ -d .demo/bus ]; then BUS_DIR=.demo/bus $(BUS) wipe; fi
	rm -rf .bus .demo target fuzz/target fuzz/corpus fuzz/artifacts
