# The commands of the README. `make demo` and `make test` need Debian's python3.11, python3-venv and libgomp1, nothing else.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup setup-dev demo test check nightly lock clean

help:
	@echo "make demo     install, then run the whole product on a year of real grocery baskets"
	@echo "make test     install what tests need, then run linters, types, contracts and the suite"
	@echo "make nightly  the long kills, fuzzing and simulations"
	@echo "make lock     renew constraints.txt and constraints-dev.txt"

# One stamp per lock file: nothing is installed twice.
setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@sh deploy/check-system.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: constraints.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: constraints-dev.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ $(VENV)/.installed

demo: setup
	$(BIN)/nexttouch run models/complete_journey

test: setup-dev check
	$(BIN)/python -m pytest -n 2 --dist loadfile --nbmake tests src notebooks

check: setup-dev
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports

nightly: setup-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "nightly or not nightly" --nbmake tests src notebooks

# The lists name packages, versions and hashes only, never where they come from.
lock: setup-dev
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra notebook --generate-hashes --no-header --no-annotate --python-version 3.11 --quiet -o constraints.txt
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra notebook --extra postgres --extra spark --extra dev --generate-hashes --no-header --no-annotate --python-version 3.11 --quiet -c constraints.txt -o constraints-dev.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache models/*/state models/*/bundle
