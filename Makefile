# The few commands a person needs. `make run` and `make test` do all their own set-up.
.DEFAULT_GOAL := help
.PHONY: help run test bench chart check soak fuzz web deb

help: ## What there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: web ## Build everything and serve http://127.0.0.1:8080 with the data in ./data
	cargo build --release --locked --bin weiquan
	target/release/weiquan serve $(ARGS)

web: ## Build the web app that the server carries
	scripts/web.sh

deb: web ## Build the Debian package into target/deb
	cargo build --release --locked --bin weiquan
	scripts/deb.sh

test: ## Set up and run every test: Rust, TypeScript, the real browser
	scripts/test.sh

bench: ## Measure the release server itself; the report is target/bench/report.json
	scripts/bench.sh

chart: ## Draw what the last `make bench` found beside Bun: docs/measured.svg
	node scripts/bench/chart.mjs

check: ## Formatting, lints, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/deny.sh

soak: ## Long runs: thousands of seeds, hundreds of kills, an hour of load
	scripts/soak.sh

fuzz: ## Mutated input against every parser, as long as FUZZ_SECONDS says, or each for FUZZ_EACH
	scripts/fuzz.sh
