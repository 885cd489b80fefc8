# Two commands to begin with: `make demo` and `make test`. Everything happens in .venv and target/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST ?= $(BIN)/python -m pytest -n 2 --dist loadgroup

.PHONY: help demo test check bench bench-authority wheel build tools test-rust test-python lint format clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: build ## Watch a live backlink index on synthetic data
	$(BIN)/linktide demo $(DEMO_FLAGS)

test: test-rust test-python ## Run all tests; the Kafka tests start a real broker (Java 17, Maven)

check: lint test ## What CI runs: linters, types, then all tests

bench: build ## Events per second and CPU per event, by stage, with a real broker at the end
	$(BIN)/python benches/throughput.py $(BENCH_FLAGS)

bench-authority: build ## Authority beside recomputes and other libraries; BENCH_FLAGS=--long for the whole
	$(BIN)/python -m pip install --quiet -e ".[bench]" || echo "peers that could not be installed are left out"
	$(BIN)/python benches/authority.py $(BENCH_FLAGS)

wheel: tools $(VENV)/tools ## Build dist/*.whl
	$(BIN)/maturin build --release --out dist

build: tools $(VENV)/tools ## Build the extension in release mode into .venv
	$(BIN)/maturin develop --release --extras dev

test-rust: tools
	cargo test --workspace --exclude linktide-python

test-python: build
	$(PYTEST)

lint: build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
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

tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is missing: install it, or name it by make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)."; exit 1; }
	@command -v cargo >/dev/null \
		|| { echo "Rust (cargo) is missing: install it with rustup, then run make again."; exit 1; }
	@command -v c++ >/dev/null \
		|| { echo "A C++ compiler is missing: install one (Debian: apt-get install g++)."; exit 1; }
