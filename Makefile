# `make run` and `make test` set up what they need. Everything comes from the two lock files, nothing from elsewhere.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test test-failed explore check bench format lock clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(VENV)/.runtime ## Install the hub and what it needs to run into .venv

setup-dev: $(VENV)/.development

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("the hub needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: setup ## Start everything with simulated partners, show real conversions, stay up until Ctrl-C
	$(BIN)/hub up --demo

test: setup-dev ## Run all tests, in parallel
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-failed: setup-dev ## Run what failed last once more, one after the other
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none --maxfail 1

explore: setup-dev ## Run the property tests on examples nobody has tried yet
	HUB_TEST_EXAMPLES=explore $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

check: setup-dev ## Lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup-dev ## Measure the figures of docs/bench.md and write a table
	$(BIN)/hub bench --write docs/bench.md

format: setup-dev ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: ## Renew both lock files (needs uv)
	uv pip compile --no-config --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -q --extra build pyproject.toml -o requirements.lock
	uv pip compile --no-config --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -q --extra build --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean: ## Remove what the targets above made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
