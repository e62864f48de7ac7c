# Everything that this repository is asked to do, by name. `make` alone prints the list.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build bundle dist dist-test demo test interop hosts bench docs lint clean

CARGO ?= cargo
# By package: in the whole workspace they would get the features that tests ask for.
RELEASED := --package soci-cli --package terraform-provider-soci --bins
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

bundle: ## build the Lambda functions as they are shipped and pack them into target/bundle
	@scripts/setup.sh bundle
	@scripts/bundle.sh shipped

build: bundle ## build target/release/soci and target/release/terraform-provider-soci
	@scripts/setup.sh build
	$(CARGO) build $(RELEASED) --release --locked

dist: ## build and pack a release for Linux into target/dist, with checksums
	@scripts/setup.sh dist
	@scripts/dist.sh

# No part of `test`: it needs what `dist` packs, and runs it in a root of its own.
dist-test: dist ## try what `make dist` packed: install and apply it where nothing else is
	@scripts/setup.sh test dist-test
	@scripts/bundle.sh debug
	$(CARGO) build --workspace --bins --tests --locked
	$(CARGO) test --workspace --locked --test dist

# Unoptimized, like `test`: nearly all of the time goes into compiling, and the two share it.
demo: ## push an image to a local AWS, and watch it get its index
	@scripts/setup.sh demo
	@scripts/bundle.sh debug
	$(CARGO) build --workspace --bins --locked
	@"$(TARGET_DIR)/debug/demo"

# `cargo test` alone would leave the provider's binary as it was: the end-to-end tests run it. They
# spend most of their time waiting for other programs, so there are three of them for each core.
test: export RUST_TEST_THREADS ?= $(shell expr 3 \* "$$(getconf _NPROCESSORS_ONLN)")
test: ## run the unit, vector and end-to-end tests
	@scripts/setup.sh test
	@scripts/bundle.sh debug
	$(CARGO) build --workspace --bins --tests --examples --locked
	$(CARGO) test --workspace --locked

# No part of `test`: it needs Go, root and FUSE. Its tests are those that `test` leaves out or ignores;
# the last one reads what the others noted.
interop: export SOCI_INTEROP_BIN_DIR := $(TARGET_DIR)/interop
interop: export SOCI_BUNDLE_DIR := $(TARGET_DIR)/bundle
interop: export GOCACHE := $(TARGET_DIR)/go-cache
interop: ## mount, store and copy what is built here with the programs that users have
	@scripts/setup.sh bundle interop
	@scripts/bundle.sh shipped
	$(CARGO) build --workspace --bins --tests --locked
	cd tests/interop/go && go build -mod=readonly -buildvcs=false -o "$(SOCI_INTEROP_BIN_DIR)/" ./...
	@rm -rf "$(SOCI_INTEROP_BIN_DIR)/passed"
	@mkdir "$(SOCI_INTEROP_BIN_DIR)/passed"
	@touch "$(SOCI_INTEROP_BIN_DIR)/passed/started"
	$(CARGO) test --workspace --locked --test interop
	$(CARGO) test --workspace --locked --test properties -- --ignored reference::
	@$(CARGO) test --quiet --workspace --locked --test interop -- --ignored

# The installed Terraform is what `test` runs.
hosts: ## run the provider's end-to-end tests with the other versions of OpenTofu and Terraform
	@scripts/setup.sh test hosts
	@scripts/bundle.sh debug
	$(CARGO) build --workspace --bins --tests --locked
	@scripts/hosts.sh

bench: bundle ## measure zTOC builds, the functions and the provider into docs/benchmarks.md; fail where a target is missed
	@scripts/setup.sh build bench test
	$(CARGO) build $(RELEASED) --release --locked
	$(CARGO) build --workspace --bins --locked
	@scripts/bench.sh

docs: ## write the reference pages' schemas, examples and signatures anew
	@scripts/setup.sh test
	@scripts/bundle.sh debug
	$(CARGO) build --workspace --bins --tests --locked
	@"$(TARGET_DIR)/debug/docs"

# What it builds, `test` builds as well: the last two compare documents with the programs.
lint: ## check formatting, lints, the dependency tree, links, generated pages and examples
	@scripts/setup.sh lint test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --workspace --test dist --test interop --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(CARGO) deny --locked check bans licenses sources
	@scripts/bundle.sh debug
	$(CARGO) build --workspace --bins --tests --locked
	$(CARGO) test --quiet --workspace --locked --test repo
	$(CARGO) test --quiet --workspace --locked --test e2e provider::docs::

clean: ## remove everything that was built
	$(CARGO) clean
