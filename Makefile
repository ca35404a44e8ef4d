# Two commands: `make up` starts a demo tower, `make test` checks everything. Both do their own set-up.
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PEERS := .venv-peers
DEMO ?= demo
ifneq ($(wildcard ../shared/data/README.md),)
export CARDEA_TEST_DATA ?= $(abspath ../shared/data)
endif

.PHONY: up test lint types imports unit proofs system schema lock bench pictures clean help

help:
	@echo "make up      start a demo tower and its console at http://127.0.0.1:8080"
	@echo "make test    lint, types, import rules and all tests"
	@echo "make bench   the benchmarks behind the README's figures"
	@echo "make pictures  the console's pictures in docs/images, taken from a demo tower"
	@echo "make lock    resolve and hash the dependencies anew"
	@echo "make clean   remove the virtual environment and the demo tower"

up: $(VENV)/.installed
	@configs/setup/need mosquitto=mosquitto
	@exec $(VENV)/bin/cardea up $(DEMO)

test: $(VENV)/.installed system-for-tests lint types imports unit proofs system

.PHONY: system-for-tests
system-for-tests:
	@configs/setup/need mosquitto=mosquitto chromium=chromium strace=strace victoria-metrics=victoria-metrics

lint: $(VENV)/.installed
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

types: $(VENV)/.installed
	$(VENV)/bin/basedpyright

imports: $(VENV)/.installed
	$(VENV)/bin/lint-imports --no-cache

unit: $(VENV)/.installed
	$(VENV)/bin/pytest -n 4 --dist loadfile -m "not search and not system" --hypothesis-profile=counted \
	  --cov --cov-report=term:skip-covered --cov-fail-under=95

# Counting lines makes searches of every reachable state five times as slow and properties twice: both are run without,
# the properties with all their examples. Real processes are not counted.
proofs: $(VENV)/.installed
	$(VENV)/bin/pytest -n 2 --dist worksteal -m "(search or property) and not system"

system: $(VENV)/.installed system-for-tests
	$(VENV)/bin/pytest -n 2 --dist loadfile -m system

# What is measured beside ours has an environment of its own: it is no part of the product.
$(PEERS)/.installed: bench/peers/requirements.lock configs/setup/python
	@configs/setup/python $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

bench: $(VENV)/.installed $(PEERS)/.installed
	@configs/setup/need mosquitto=mosquitto gcc=gcc victoria-metrics=victoria-metrics
	$(PY) -m bench.all

pictures: $(VENV)/.installed
	@configs/setup/need mosquitto=mosquitto chromium=chromium
	CARDEA_PICTURES=docs/images $(VENV)/bin/pytest -q tests/system/test_console.py

lock:
	$(VENV)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --quiet --upgrade pyproject.toml --group dev -o requirements.lock

# Everything is installed from the lock file, by hash and as it stands there: the lock is complete, and nothing is
# resolved anew (a newer release of a package with an extra once made pip refuse its pinned one).
$(VENV)/.installed: requirements.lock pyproject.toml configs/setup/python
	@configs/setup/python $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) $(DEMO) .pytest_cache .ruff_cache .hypothesis .coverage*
