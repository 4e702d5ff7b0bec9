PYTHON ?= python3
BIN := .venv/bin
FLOW ?= flows/restaurant.flow.yaml

.DEFAULT_GOAL := help
.PHONY: help run test check drills format bench reference constraints clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.run  ## set everything up, then talk to a flow (FLOW=…)
	@$(BIN)/orchestrator run $(FLOW) || test $$? -eq 3  # the caller hung up

test: .venv/.dev .venv-clients/.installed  ## set everything up, then run every test
	CLIENTS_PYTHON=.venv-clients/bin/python $(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: .venv/.dev  ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

drills: .venv/.dev  ## kill, stop, starve and cut off what runs, in long (DRILLS="D1 D9" for some)
	$(BIN)/python -m tests.drills $(DRILLS)

format: .venv/.dev  ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.run .venv-bench/.installed  ## our figures beside their floors and other libraries
	$(BIN)/python -m bench

reference: .venv/.dev  ## make the reference's tables and the schema anew, from the code
	$(BIN)/python -m tests.reference
	$(BIN)/orchestrator schema > schema/flow-1.schema.json

clean:  ## remove what was set up, and the data of the embedded Redis
	rm -rf .venv .venv-clients .venv-bench .orchestrator

# Debian splits pip out of venv; the system's pip can install into an environment without one.
PIP = $$(test -x $(1)/bin/pip && echo $(1)/bin/python -m pip || echo $(PYTHON) -m pip --python $(1)/bin/python)
INSTALL = $(PIP) install --quiet --disable-pip-version-check
VENV = test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || $(PYTHON) -m venv --without-pip --clear $(1)

.venv/.run: requirements/run.txt pyproject.toml
	@$(call VENV,.venv)
	@$(call INSTALL,.venv) --require-hashes -r requirements/run.txt
	@$(call INSTALL,.venv) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@$(call INSTALL,.venv) --require-hashes -r requirements/dev.txt
	@touch $@

.venv-clients/.installed: requirements/clients.txt
	@$(call VENV,.venv-clients)
	@$(call INSTALL,.venv-clients) --require-hashes -r requirements/clients.txt
	@touch $@

.venv-bench/.installed: requirements/bench.txt
	@$(call VENV,.venv-bench)
	@$(call INSTALL,.venv-bench) --require-hashes -r requirements/bench.txt
	@touch $@

constraints: .venv/.dev  ## pin every dependency anew, with hashes (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		pyproject.toml requirements/repository.in -o requirements/run.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements/run.txt --group dev -o requirements/dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements/clients.in -o requirements/clients.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements/bench.in -o requirements/bench.txt
