# Everything here needs Python 3.11 or later, make and git; the rest is installed into .venv.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# how many test processes run side by side
JOBS ?= 2
# more arguments for pytest:  make test ARGS="-k loop"
ARGS ?=
# parts of  make bench
ONLY ?= attach coverage debug snapshot reports

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
PIP := $(VENV_PYTHON) -m pip -qq --disable-pip-version-check
# A machine that lacks something skips what needs it; with LIVE_ATTACH_REQUIRE_ALL=1 that is a failure.
OPTIONAL := || test "$$LIVE_ATTACH_REQUIRE_ALL" != 1

.DEFAULT_GOAL := help

.PHONY: help
help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

.PHONY: demo
demo: $(VENV)/installed  ## start a server, attach to it, measure it live, and say where the report is
	$(VENV)/bin/attach demo

.PHONY: test
test: $(VENV)/tools  ## run the tests, on every CPython of this machine
	@$(VENV_PYTHON) -m tests.support.fetch_interpreters $(OPTIONAL)
	@$(VENV_PYTHON) -m tests.support.environments $(OPTIONAL)
	$(VENV_PYTHON) -m pytest -n $(JOBS) $(ARGS)

.PHONY: bench
bench: $(VENV)/tools  ## measure what it costs, half an hour; or a part:  make bench ONLY=coverage ARGS="3.12"
	for bench in $(ONLY); do $(VENV_PYTHON) tests/benchmarks/bench_$$bench.py $(ARGS) || exit; done

.PHONY: corpus
corpus: $(VENV)/tools  ## measure the test suites of packages as coverage.py does, and compare; 10 to 20 minutes
	$(VENV_PYTHON) -m tests.corpus.suites $(ARGS)

.PHONY: stress
stress: $(VENV)/tools  ## attach over and over to programs under load that check themselves; 10 to 15 minutes
	$(VENV_PYTHON) -m tests.stress $(ARGS)

.PHONY: lint
lint: $(VENV)/tools  ## check style, types, and who imports whom
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy tests/support tests/conftest.py
	$(VENV)/bin/lint-imports

.PHONY: format
format: $(VENV)/tools  ## put the code into its form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

.PHONY: interpreters
interpreters: $(VENV)/tools  ## fetch CPython 3.14 and 3.15 from the Debian archive, where they are missing
	$(VENV_PYTHON) -m tests.support.fetch_interpreters

.PHONY: clean
clean:  ## remove .venv and what the tools have left
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The two stamps: the package alone, and with the tools of its developers.
$(VENV)/installed: pyproject.toml | $(VENV_PYTHON)
	$(PIP) install --editable .
	@touch $@

$(VENV)/tools: pyproject.toml | $(VENV_PYTHON)
	$(PIP) install --editable '.[test,lint]'
	@touch $@ $(VENV)/installed

$(VENV_PYTHON):
	@test -n "$(PYTHON)" || { echo "live-attach needs Python 3.11 or later: name one with  make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) cannot make environments; on Debian:  apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
