# make quickstart   installs the packages needed, builds, runs containers and installs: the first thing to do
# make test         everything this machine can test: the second
SHELL = /bin/sh
.DEFAULT_GOAL = help
.PHONY: help deps build debug unit integration test stress vm check docs fmt bench install release quickstart clean

# Where `install` and `quickstart` put the program; root's default is for everybody.
PREFIX ?= $(shell if [ "$$(id -u)" = 0 ]; then echo /usr/local; else echo "$$HOME/.local"; fi)
DESTDIR ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile

deps: ## the Debian packages for building and testing (asks for root if one is missing)
	@scripts/deps run build quickstart test

build: ## the release binary: one static file, .build-release/release/dhow
	@scripts/deps build
	@scripts/release-build

debug: ## the debug build with fault points, for tests
	@. scripts/common.sh; find_swift; swift build --build-tests

unit: ## fast tests: no privileges, no network
	@scripts/deps build
	@scripts/test unit

integration: ## tests of the built program (as root: as the user $$DHOW_TEST_USER and as root)
	@scripts/deps run build quickstart test
	@scripts/test integration

test: ## everything this machine can run
	@scripts/deps run build quickstart test
	@scripts/test all

stress: debug ## 64 workers with mixed commands on one store for five minutes
	@DHOW=.build/debug/dhow scripts/stress 300 64

vm: ## tests in a virtual machine with systemd and cgroup v2, where the tool for it is there
	@scripts/vm-test

check: ## format, imports, module edges, sizes, words, licence, shell, docs in step
	@scripts/check

docs: ## writes man pages and completions from the flag table and the pages' prose
	@. scripts/common.sh; find_swift; swift build --product dhow; .build/debug/dhow __docs .

fmt: ## lays the sources out
	@. scripts/common.sh; find_swift; swift format --in-place --parallel --recursive Sources Tests Package.swift

bench: build ## ratios to C floors, bubblewrap, crun, runc, podman and skopeo; writes docs/BENCH.md
	@scripts/deps bench
	@bench/run
	@bench/registry

install: ## binary, man pages and completions below PREFIX (built before by `make build`)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install

release: build ## the release binary with its checksum in dist/
	@scripts/release

quickstart: ## packages, release build, an image from busybox, containers, installation
	@PREFIX="$(PREFIX)" scripts/quickstart

clean: ## removes what was built
	rm -rf .build .build-release dist bench/floor
