# What the project does, in a word each; the scripts behind are in tests/stack/.
.PHONY: demo test soak fuzz bench bench-health bench-cold-start bench-logs bench-retention bench-coverage deny generate stack stack-down

STACK = tests/stack/stack.sh
# The small stack of the tests, beside the demo's: other names, other ports.
# Its data are worth nothing, so it takes the place of one that another checkout left.
TEST_STACK = --prefix t- --offset 10000 --replace
TEST_SERVICES = postgres redis questdb prometheus api ml

# The whole stack, started by the workflow itself; rows into its stores; then the health report on it.
demo:
	$(STACK) prepare
	cargo build --release
	exports=$$($(STACK) env) && eval "$$exports" && target/release/tradeops run startup.rhai --skip-final-health && \
	    $(STACK) seed && target/release/tradeops run health.rhai

test:
	$(STACK) up $(TEST_STACK) --interval 1s --services "$(TEST_SERVICES)"
	exports=$$($(STACK) env --prefix t-) && eval "$$exports" && cargo test --workspace --no-fail-fast

# What is rare: an hour and a half, each part bounded (tests/soak.sh).
soak:
	$(STACK) up $(TEST_STACK) --interval 1s --services "$(TEST_SERVICES)"
	exports=$$($(STACK) env --prefix t-) && eval "$$exports" && tests/soak.sh

# Coverage-guided, on the stable compiler: the flags are those that `cargo fuzz` sets, without a sanitizer.
FUZZ_FLAGS = -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1
FUZZ_SECONDS = 60

fuzz:
	mkdir -p fuzz/target/corpus fuzz/target/corpus-logs
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" cargo run --release --bin prom --target $$(rustc --print host-tuple) -- \
		-max_total_time=$(FUZZ_SECONDS) -max_len=4000 -timeout=5 target/corpus ../tests/data/metrics
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" cargo run --release --bin logs --target $$(rustc --print host-tuple) -- \
		-max_total_time=$(FUZZ_SECONDS) -max_len=4000 -timeout=5 target/corpus-logs ../tests/data/logs

bench:
	cargo bench

# The same with the whole stack there: a health run against its slowest check, and against curl and docker.
bench-health:
	$(STACK) up
	exports=$$($(STACK) env) && eval "$$exports" && cargo bench --bench health

# A cold start of the whole stack by `docker compose up --wait` and by `tradeops startup`, in turn.
bench-cold-start:
	$(STACK) prepare
	exports=$$($(STACK) env) && eval "$$exports" && cargo bench --bench cold_start

# Logs against jq, ripgrep and angle-grinder, which are compiled into target/tools where they are missing.
bench-logs:
	$(STACK) up $(TEST_STACK) --interval 1s --services redis
	PATH=$(CURDIR)/target/tools/bin:$$PATH && export PATH && \
	    { command -v rg >/dev/null || cargo install --quiet --locked --root target/tools ripgrep; } && \
	    { command -v agrind >/dev/null || cargo install --quiet --locked --root target/tools ag; } && \
	    exports=$$($(STACK) env --prefix t-) && eval "$$exports" && cargo bench --bench logs

# Retention on servers of its own, of both versions.
bench-retention:
	$(STACK) up $(TEST_STACK) --interval 1s --services redis
	exports=$$($(STACK) env --prefix t-) && eval "$$exports" && cargo bench --bench retention

# Coverage on servers of its own, of both versions: against one question after the other, and against the bare query.
bench-coverage:
	$(STACK) up $(TEST_STACK) --interval 1s --services redis
	exports=$$($(STACK) env --prefix t-) && eval "$$exports" && cargo bench --bench coverage

# Licences, bans and sources of the dependency tree (deny.toml). Where cargo-deny is missing it is compiled first,
# some minutes, into target/tools; so it is no part of `make test`.
deny:
	PATH=$(CURDIR)/target/tools/bin:$$PATH && export PATH && \
	    { command -v cargo-deny >/dev/null || cargo install --quiet --locked --root target/tools cargo-deny; } && \
	    cargo deny check licenses bans sources

# The files that are derived from the code: reference, editor definitions, the check's table.
generate:
	cargo run --quiet -- generate .

# Brings the stack up and waits until it is ready.
stack:
	$(STACK) up

stack-down:
	$(STACK) down
