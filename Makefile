# Two commands to begin with: `make demo` and `make test`. Everything happens in .venv and target/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 60
LINKTIDE_DATA ?= ../shared/data
PYTEST ?= $(BIN)/python -m pytest -n 3 --dist loadgroup
# Tests start hundreds of Pythons: each would compile the package anew where nothing may keep what is compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check faults simulate histories bench bench-ingest bench-url bench-restart bench-authority bench-store bench-page bench-sql bench-alerts bench-profiles sql-flood dashboards wheel build tools test-rust compile-tests test-urls-long fuzz test-aarch64 test-python lint lint-rust lint-python format clean

help: ## Show the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: build ## Watch a live backlink index on synthetic data
	$(BIN)/linktide demo $(DEMO_FLAGS)

test: test-rust test-python ## Run all tests; the Kafka tests start a real broker (Java 17, Maven)

# Compilers and type checkers fill what another leaves of two cores; the tests have them alone.
check: tools $(VENV)/duckdb-1.5 ## What CI runs: linters, types, then all tests
	$(MAKE) --jobs=2 --output-sync=target lint compile-tests
	$(MAKE) test

faults: build ## The fault campaign: kills, disks, damage, network, memory; LINKTIDE_FAULTS=long for the long form
	$(BIN)/python -m pytest -s -q -m faults tests/faults

simulate: build ## The seeded simulator; LINKTIDE_SIM_SEEDS=N for N seeds, LINKTIDE_SIM_SEED=N replays one
	$(PYTEST) tests/simulator

histories: build ## Properties of whole histories, LINKTIDE_EXAMPLES (20) times as many examples as in CI
	LINKTIDE_EXAMPLES=$${LINKTIDE_EXAMPLES:-20} $(PYTEST) -m histories

bench: build ## Events per second and CPU per event, by stage, with a real broker at the end
	$(BIN)/python benches/throughput.py $(BENCH_FLAGS)

bench-ingest: build $(VENV)/bench ## Ingest beside its goals and peers, by a real broker; BENCH_FLAGS=--long for the whole
	$(BIN)/python benches/ingest.py $(BENCH_FLAGS)

bench-url: build $(VENV)/bench ## Nanoseconds per URL beside other parsers; URLS="FILE..." adds files with one URL per line
	-$(BIN)/python benches/url_corpus.py $(LINKTIDE_DATA) target/urls.txt
	$(BIN)/python benches/url.py $(URLS)
	cargo bench -p linktide-core --bench url -- $(abspath $(LINKTIDE_DATA)/public_suffix_list.dat target/urls.txt $(URLS))

bench-restart: build ## Time until a restarted index is ready, with a snapshot and without; BENCH_FLAGS="--links 10000000"
	$(BIN)/python benches/restart.py $(BENCH_FLAGS)

bench-authority: build $(VENV)/bench ## Authority beside recomputes and other libraries; BENCH_FLAGS=--long for the whole
	$(BIN)/python benches/authority.py $(BENCH_FLAGS)

bench-store: build ## The store alone at ten million links; BENCH_FLAGS="--links 1000000" for less
	$(BIN)/python benches/store_scale.py $(BENCH_FLAGS)

bench-page: build ## The page on the ten million links of bench-store; BENCH_FLAGS="--database FILE" for others
	$(BIN)/python benches/page.py $(BENCH_FLAGS)

bench-sql: build $(VENV)/bench $(VENV)/duckdb-1.5 ## SQL clients while the service writes, beside PostgreSQL 15 and buenavista; BENCH_FLAGS="--links 10000000"
	$(BIN)/python benches/sql.py $(BENCH_FLAGS)

bench-alerts: build ## What alerts cost beside ingest; false alarms and detection on simulated days
	$(BIN)/python benches/alert_cost.py --results benches/results
	$(BIN)/python benches/alerts.py $(BENCH_FLAGS)

bench-profiles: build ## What alerts that rest on views cost, on the links of bench-store; BENCH_FLAGS="--database FILE"
	$(BIN)/python benches/profile_cost.py $(BENCH_FLAGS)

sql-flood: build ## Ten thousand attempts to connect as a SQL client; LINKTIDE_SQL_ATTEMPTS=N for N
	LINKTIDE_SQL_ATTEMPTS=$${LINKTIDE_SQL_ATTEMPTS:-10000} $(BIN)/python -m pytest -s -q --timeout 900 tests/sql/test_sql_flood.py

dashboards: build ## Write deploy/grafana/dashboards anew
	PYTHONPATH=deploy/grafana $(BIN)/python -m linktide_dashboards deploy/grafana/dashboards

wheel: tools $(VENV)/tools ## Build dist/*.whl
	$(BIN)/maturin build --release --out dist

build: tools $(VENV)/tools ## Build the extension in release mode into .venv
	$(BIN)/maturin develop --release --extras dev

compile-tests: tools
	cargo test --workspace --exclude linktide-python --no-run

test-rust: tools
	cargo test --workspace --exclude linktide-python

test-urls-long: tools ## Invariants of URLs on ten million mutated ones; LINKTIDE_URLS=FILE adds real ones
	LINKTIDE_URL_MUTATIONS=10000000 cargo test --release -p linktide-core --test url_conformance -- --nocapture

fuzz: tools ## Fuzz each target for FUZZ_SECONDS (60) with the nightly toolchain and cargo-fuzz
	@cargo +nightly fuzz --version >/dev/null 2>&1 \
		|| { echo "cargo-fuzz is missing: rustup toolchain install nightly && cargo install cargo-fuzz"; exit 1; }
	for target in authority pgwire url url_lanes wire; do \
		cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; done

test-aarch64: tools ## The URL tests on emulated aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user; rustup target)
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
		cargo test --release --target aarch64-unknown-linux-gnu -p linktide-core --lib url::

test-python: build $(VENV)/duckdb-1.5
	$(PYTEST)

lint: lint-rust lint-python

lint-rust: tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

lint-python: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest linktide._core --mypy-config-file pyproject.toml

format: $(VENV)/tools ## Format everything
	cargo fmt --all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what the other targets made, the broker's cache excepted
	rm -rf $(VENV) target dist python/linktide/*.so

$(VENV)/tools: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "maturin>=1.9,<2"
	@touch $@

# Snapshot files are to be read by this one, too.
$(VENV)/duckdb-1.5: $(VENV)/tools
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet "duckdb>=1.5,<1.6" pytz || { rm -rf $@; exit 1; }
	@touch $@

$(VENV)/bench: $(VENV)/tools
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"], sep="\n")' \
		| $(BIN)/python -m pip install --quiet --requirement /dev/stdin
	@touch $@

tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is missing: install it, or name it by make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)."; exit 1; }
	@command -v cargo >/dev/null \
		|| { echo "Rust (cargo) is missing: install it with rustup, then run make again."; exit 1; }
	@command -v c++ >/dev/null \
		|| { echo "A C++ compiler is missing: install one (Debian: apt-get install g++)."; exit 1; }
