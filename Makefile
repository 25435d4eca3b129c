# Every target makes .venv and installs what it needs; nothing has to be there before but Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

# Tests and examples start hundreds of processes; none should compile each module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check faults fuzz bounds golden format parity bench generate clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      build, differentiate and train a transformer block over HTTP"
	@echo "make test      the whole test suite"
	@echo "make check     format, lint, types, import contracts, and the tests"
	@echo "make faults    kills, full disks, lost answers and load, at length; FAULT_ROUNDS=20 for less"
	@echo "make fuzz      every transform of many random documents, and both engines on them; FUZZ_EXAMPLES=2000 for more"
	@echo "make bounds    the native kernels of all samples and tests with each load and store checked; minutes"
	@echo "make parity    the comparisons with PyTorch and JAX"
	@echo "make bench     the benchmarks; OPTIONS='--side-by-side-only' for steps beside PyTorch and JAX alone"
	@echo "make format    format the code"
	@echo "make generate  write the generated documentation, its examples and drawing, and the conformance vectors anew"
	@echo "make clean     remove .venv and everything that tools left behind"

demo: .venv/installed-executor
	@$(BIN)/asg demo

test: .venv/installed-dev
	$(PYTEST) -q -n 3 --dist worksteal

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(PYTEST) -q -n 3 --dist worksteal

faults: .venv/installed-dev
	$(PYTEST) -q -s tests/faults

fuzz: .venv/installed-dev
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-500} $(PYTEST) -q -n 2 tests/autograd/test_random_documents.py tests/executor/native/test_random_documents.py

bounds: .venv/installed-dev
	CHECK_BOUNDS=1 $(PYTEST) -q -n 3 --dist worksteal tests/bounds tests/executor/native

parity: .venv/installed-peers
	$(PYTEST) -q tests/parity

bench: .venv/installed-peers .venv-mlserver/installed
	$(BIN)/python -m benchmarks $(OPTIONS)

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: .venv/installed-dev
	$(BIN)/asg schema > schema/asg.schema.json
	$(BIN)/asg ops --markdown > schema/OPS.md
	PYTHONPATH=tests $(BIN)/python -m conformance_vectors
	$(BIN)/python -m asg_executor.api.answers > executor/asg_executor/api/answers/schemas.json
	PYTHONPATH=tests $(BIN)/python -m recorded_exchanges
	PYTHONPATH=tests $(BIN)/python -m readme_drawing

# The data directory of a release, which later ones have to open: once, under the release's number.
golden: .venv/installed-dev
	PYTHONPATH=tests $(BIN)/python -m golden_directories $(RELEASE)

clean:
	rm -rf .venv .venv-mlserver .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ASG needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed-executor: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[native]"
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ .venv/installed-executor

.venv/installed-peers: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,peers]"
	@touch $@ .venv/installed-dev .venv/installed-executor

# MLServer needs an older FastAPI than the executor, so it has an environment of its own. Without it the table says so.
.venv-mlserver/installed:
	-$(PYTHON) -m venv .venv-mlserver && .venv-mlserver/bin/python -m pip install --quiet --disable-pip-version-check mlserver
	@mkdir -p .venv-mlserver && touch $@
