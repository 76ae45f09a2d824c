# Each target is one script or one command: what a laptop runs is what CI runs.
.DEFAULT_GOAL := help
.PHONY: help run demo test check sqlx openapi audit bench chaos interop contract compose-check clean-data

bin := $(or $(CARGO_TARGET_DIR),target)/debug

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## private PostgreSQL and Redis, demo data, API and worker in the foreground; Ctrl-C stops all
	@scripts/install && cargo build --workspace --bins
	@exec scripts/run

demo: ## play the demo story against the running `make run`
	@test -s .data/run/url || { echo 'nothing is running: start `make run` in another terminal first' >&2; exit 1; }
	@cargo build --workspace --bins && $(bin)/demo play --url "$$(cat .data/run/url)"

test: ## everything that CI runs
	@scripts/test

check: ## format, lints, freshness of .sqlx
	@scripts/check

sqlx: ## renew .sqlx after a change of queries or migrations
	@scripts/check --write

openapi: ## renew openapi/ after a change of the API
	@cargo build --bin sociopulse-api && $(bin)/sociopulse-api openapi --format json >$(bin)/openapi.json && $(bin)/sociopulse-api openapi --format yaml >$(bin)/openapi.yaml
	@mv $(bin)/openapi.json $(bin)/openapi.yaml openapi/

audit: ## licences, bans, sources and known vulnerabilities of dependencies
	@scripts/audit

bench: ## measure a release build on durable servers of its own
	@scripts/install && cargo build --release --bin bench --bin sociopulse-api --bin sociopulse-worker
	@scripts/bench $(ARGS)

chaos: ## kill, stop, wipe and cut off everything under load, then prove that nothing is lost or doubled (ARGS="--missions 500 --seed 7")
	@scripts/install && cargo build --workspace --bins
	@scripts/chaos $(ARGS)

interop: ## foreign software against the platform: mail server, WebSocket clients, SDK generators, JWT, Argon2, Stripe, LiveKit, PDF
	@scripts/install && cargo build --workspace --bins
	@scripts/interop

contract: ## linters and property-based runs over the OpenAPI document, against a platform of its own
	@scripts/install && cargo build --workspace --bins
	@scripts/contract

compose-check: ## validate docker-compose.yml, also without a container engine
	@scripts/compose-check

clean-data: ## stop the private servers and delete all local data
	@for profile in run test bench chaos; do scripts/servers clean $$profile || exit 1; done
