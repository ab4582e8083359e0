# What people and machines call; the work is done by `cargo xtask`.

# Outside of the checkout, so that the next clone finds what this one has compiled.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lifeboat
export CARGO_TARGET_DIR ?= $(CACHE)/target

.PHONY: run test check bench cluster image xtask

run: xtask ## the product with its demo, on http://127.0.0.1:8080
	@cargo xtask run --demo

test: xtask ## everything that has to hold
	@cargo xtask test

check: xtask ## the quick part of it
	@cargo xtask test format tidy licences clippy clippy-wasm queries

bench: xtask ## the figures: make bench NAME=wasm
	@cargo xtask bench $(NAME)

cluster: xtask ## a real Kubernetes for tests; `cargo xtask cluster down` ends it
	@cargo xtask cluster up

image:
	docker build --tag lifeboat .

# By itself, so that one sees it being compiled.
xtask:
	@command -v cargo >/dev/null || { echo "Rust is missing; install it with rustup"; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing; run: sudo apt-get install gcc libc6-dev"; exit 1; }
	@cargo build --package xtask
